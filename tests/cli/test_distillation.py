"""A teacher, and the arms of its ablation, through the real command line."""

from tests.cli.conftest import Shell

SMALL = ["model.widths=[4,6,8]", "model.convs=[1,1,2]"]
LARGER = ["model@recipe.teacher=mossnet", "recipe.teacher.widths=[6,8,8]", "recipe.teacher.convs=[1,1,2]"]
PARTS = {"none": "", "output": ",output", "embedding": ",embedding", "both": ",output,embedding"}


def test_a_teacher_is_trained_and_then_teaches_in_every_arm(srbench: Shell):
    data = [*srbench.data, "threads=1", "precision=32"]
    words = ["model.widths=[6,8,8]", "model.convs=[1,1,2]", "recipe=mossnet", "study=teacher"]
    taught = srbench("model=mossnet", *words, *data)
    assert taught.returncode == 0, taught.stderr
    weights = "recipe.teacher_checkpoint=runs/teacher/*/weights.safetensors"
    words = [*SMALL, "recipe=distillation", *LARGER, weights, "ablation=distillation"]
    done = srbench("-m", "model=mossnet", *words, *data)
    assert done.returncode == 0, done.stderr
    records = srbench.records("mossnet_distillation")
    arms = {record["variant"]: record for record in records.values() if record["model"] == "mossnet"}
    assert arms.keys() == PARTS.keys()
    assert len({record["config_hash"] for record in arms.values()}) == 4
    assert len({record["cost"]["params"] for record in arms.values()}) == 1
    for variant, record in arms.items():
        assert record["status"] == "done"
        assert (record["cost"].get("params_frozen") or 0, record["cost"].get("params_dead") or 0) == (0, 0)
        lines = (srbench.folder / "runs/mossnet_distillation" / record["run"] / "losses.csv").read_text().splitlines()
        parts = f"hr{PARTS[variant]}," if PARTS[variant] else "hr,"
        assert lines[0] == f"stage,step,epoch,loss,{parts}gradient_norm"
        assert len(lines) == 1 + 6
    table = (srbench.folder / "reports/mossnet_distillation/table.md").read_text()
    assert "none (baseline)" in table
