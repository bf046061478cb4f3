"""What a report says its numbers rest on."""

from dataclasses import replace

from srbench.experiments.store.record import StageRecord, Training, TrainingData
from srbench.recipes.outcome import TrainingSession
from srbench.reports.provenance import SHORT
from tests.builders import RGB
from tests.reports.conftest import BASE, FILES, FIXED, HR, LR, ON_FILES, OTHER, Outcome, latency, scored

MADE = replace(ON_FILES, lr=replace(FILES, files=False), lr_sha256=None)
DATA = "data (SHA-256 of the pixels)"


def facts(build, ntire: str | None = None) -> dict[str, str]:
    return dict(build.report(ntire).facts)


def test_versions_and_machine_are_named(build):
    versions = {"python": "3.11.7", "srbench": "0.1.0", "torch": "2.8.0", "lightning": "2.6.6"}
    about = {"device": "AMD EPYC", "threads": 2, "git": "0a1b2c3d4e5f", "versions": versions}
    build.run("carn", left=scored(37.0).with_facts(**about))
    found = facts(build)
    assert found["versions"] == "python 3.11.7, torch 2.8.0, lightning 2.6.6"
    assert found["srbench"] == "0.1.0"
    assert found["git"] == "0a1b2c3d4e5f"
    assert found["device"] == "AMD EPYC"
    assert found["threads"] == "2"


def test_codes_of_one_class_are_both_named(build):
    for number, code in enumerate(("0a1b2c3d4e5f", "ffffffffffff")):
        build.run("own", seed=number, hashed=f"{number}", left=scored(37.0).with_facts(own_code={"own.Net": code}))
    found = facts(build)
    assert found["code of its own"] == "own.Net: 0a1b2c3d4e5f (1 runs), ffffffffffff (1 runs)"


def test_data_are_named_by_set_and_lr_by_scale(build):
    for scale, digest in ((2, "2" * 64), (4, "4" * 64)):
        certificates = {"set5": replace(ON_FILES, lr_sha256=digest), "val": replace(MADE, hr_sha256="c" * 64)}
        left = Outcome({"set5": {"psnr": 37.0}, "val": {"psnr": 30.0}}, facts={"certificates": certificates})
        build.run("carn", scale=scale, hashed=f"{scale}", left=left)
    expected = f"set5 HR {HR[:12]}, LR ×2 {'2' * 12}, LR ×4 {'4' * 12}; val HR {'c' * 12}"
    assert facts(build)[DATA] == expected


def test_the_resizer_that_was_recognised_in_lr_files_is_named(build):
    recognised = replace(ON_FILES, lr=replace(FILES, recognised=("matlab-replicate",)))
    build.run("carn", left=replace(scored(37.0), on=recognised))
    assert facts(build)[DATA] == f"set5 HR {HR[:12]}, LR ×2 {LR[:12]} by matlab-replicate"


def test_runs_that_differ_are_counted(build):
    build.run("carn", BASE, hashed="0", left=scored(37.0).with_facts(git="0a1b2c3d4e5f"))
    build.run("carn", OTHER, hashed="1", left=scored(37.0).with_facts(git="ffffffffffff+changes"))
    assert facts(build)["git"] == "0a1b2c3d4e5f (1 runs), ffffffffffff+changes (1 runs)"


def test_protocols_that_differ_are_counted(build):
    for number, protocol in enumerate((ON_FILES.protocol, RGB, RGB)):
        left = replace(scored(37.0), on=replace(ON_FILES, protocol=protocol))
        build.run(f"m{number}", hashed=f"{number}", left=left)
    assert facts(build)["protocol"] == "rgb (rgb, border scale) (2 runs), y (luma, border scale) (1 runs)"


def test_images_that_differ_are_both_named(build):
    build.run("carn", BASE, hashed="0", left=replace(scored(37.0), on=MADE))
    build.run("carn", OTHER, hashed="1", left=replace(scored(37.0), on=replace(MADE, hr_sha256="d" * 64)))
    assert facts(build)[DATA] == f"set5 HR {HR[:12]}, HR {'d' * 12}"


def test_the_resizers_of_all_sets_are_named(build):
    certificates = {"set5": ON_FILES, "val": MADE}
    build.run("carn", left=Outcome({"set5": {}, "val": {}}, facts={"certificates": certificates}))
    assert facts(build)["resizer"] == "file, matlab-symmetric"


def test_evaluation_is_float32_and_fixed_weights_have_no_training_precision(build):
    build.run("carn", left=scored(37.0).with_facts(precision="bf16-mixed", train=FIXED))
    found = facts(build)
    assert found["evaluation"] == "float32"
    assert not [name for name in found if "precision" in name]


def test_the_precision_is_that_of_trained_runs(build):
    build.run("carn", hashed="0", left=scored(37.0).with_facts(precision="bf16-mixed", train=FIXED))
    build.run("mossnet", hashed="1", left=scored(37.0).with_facts(precision="16-mixed"))
    assert facts(build)["training precision"] == "16-mixed"


def on_gpu(captured: bool | str, not_repeatable: str | None = None) -> Training:
    why = captured if isinstance(captured, str) else None
    session = TrainingSession(0, "cuda", 1, 2.0, captured=not why, not_captured=why, not_repeatable=not_repeatable)
    stage = StageRecord("pixel", 500, 16, 64, 100.0, 0.0, 0.1, (session,), training_data=TrainingData("photos", 3, "0"))
    return Training(500, 100.0, captured=captured, memory_format="contiguous", stages=(stage,))


def test_a_training_on_a_gpu_tells_how_its_steps_were_run(build):
    build.run("carn", hashed="0", left=scored(37.0).with_facts(train=on_gpu(True)))
    build.run("mossnet", hashed="1", left=scored(37.0).with_facts(train=on_gpu("it looks", "max_pool2d has no order")))
    found = facts(build)
    assert found["steps of training on the GPU"] == "as they are written (it looks) (1 runs), by CUDA graphs (1 runs)"
    assert found["memory layout of training"] == "contiguous"
    assert found["not repeatable to the last digit"] == "max_pool2d has no order"


def test_a_training_by_two_codes_tells_both(build):
    (stage,) = (whole := on_gpu(True)).stages
    sessions = [
        replace(stage.sessions[0], after_step=step, code={"own.Net": code}) for step, code in ((0, "0a"), (9, "1b"))
    ]
    train = replace(whole, stages=(replace(stage, sessions=tuple(sessions)),))
    build.run("own", left=scored(37.0).with_facts(train=train, own_code={"own.Net": "1b"}))
    assert facts(build)["code of its own"] == "own.Net: 0a, then 1b"


def test_a_training_on_a_cpu_tells_nothing_of_a_gpu(build):
    build.run("carn", left=scored(37.0))
    assert not [name for name in facts(build) if "GPU" in name or "layout" in name]


def test_the_latency_tells_how_it_was_measured(build):
    build.run("carn", left=scored(37.0).with_facts(latency=(latency(10.0),)))
    assert (
        facts(build)["latency"]
        == "median, batch 1, input 256×256 (height × width), cpu, threads 1, memory layout channels_last"
    )


def test_where_latencies_were_taken_in_several_layouts_each_row_has_its_own(build):
    for number, layout in enumerate(("channels_last", "contiguous")):
        taken = replace(latency(10.0), memory_format=layout)
        build.run(
            "carn", seed=number, scale=2 + number, hashed=f"{number}", left=scored(37.0).with_facts(latency=(taken,))
        )
    report = build.report()
    assert dict(report.facts)["latency"].endswith("memory layout channels_last (1 runs), contiguous (1 runs)")
    told = "latency with weights in memory layout"
    assert [row.remarks for row in report.rows] == [(f"{told} channels_last",), (f"{told} contiguous",)]


def test_a_training_that_went_on_in_another_precision_tells_both(build):
    (stage,) = (whole := on_gpu(True)).stages
    sessions = tuple(replace(stage.sessions[0], precision=name) for name in ("bf16-mixed", "32-true", "32-true"))
    build.run("own", left=scored(37.0).with_facts(train=replace(whole, stages=(replace(stage, sessions=sessions),))))
    assert facts(build)["training precision"] == "bf16-mixed, then 32-true"


def test_what_is_not_recorded_is_said_to_be(build):
    unknown = replace(MADE, hr_sha256=None)
    build.run("carn", left=replace(scored(37.0), on=unknown).with_facts(git=None, versions={}))
    found = facts(build)
    assert {found[name] for name in ("git", "versions", "srbench", DATA)} == {"not recorded"}


def test_a_failed_run_tells_nothing(build):
    build.run("carn", left=scored(37.0).with_facts(status="failed", git="0a1b2c3d4e5f"))
    assert facts(build)["git"] == "not recorded"


def trained(steps: int, *full: int | None) -> Outcome:
    """Of as many stages as there are full lengths, each with its part of the steps."""
    data = TrainingData("photos", 3, "aa")
    stages = [
        StageRecord(f"{n}", steps // len(full), 8, 64, 7.5, 0.01, 0.02, (), training_data=data, full_steps=one)
        for n, one in enumerate(full)
    ]
    return scored(37.0).with_facts(train=Training(steps=steps, stages=tuple(stages), training_data=data))


def test_a_training_shorter_than_the_recipes_says_what_it_cannot_show(build):
    build.run("carn", left=trained(500, 200_000))
    assert facts(build)["length of training"] == f"500 of the recipe's 200,000 steps (0.25 %){SHORT}"


def test_the_best_weights_are_told_where_they_were_kept(build):
    best = trained(2000, 2000)
    (stage,) = best.facts["train"].stages
    stage = replace(stage, kept="best", kept_step=1500, kept_psnr=33.456)
    build.run("carn", left=best.with_facts(train=replace(best.facts["train"], stages=(stage,))))
    told = "2,000 of the recipe's 2,000 steps, the weights of the best validation kept (step 1,500 of 0, 33.46 dB)"
    assert facts(build)["length of training"] == told


def test_all_stages_count(build):
    build.run("carn", left=trained(500, 1000, 1000))
    assert facts(build)["length of training"] == f"500 of the recipe's 2,000 steps (25 %){SHORT}"


def test_a_whole_training_and_one_of_a_recipe_that_states_no_length_say_how_long_they_were(build):
    build.run("carn", BASE, hashed="0", left=trained(2000, 2000))
    assert facts(build)["length of training"] == "2,000 of the recipe's 2,000 steps"
    build.run("carn", OTHER, hashed="1", left=trained(500, None))
    assert facts(build)["length of training"] == "2,000 of the recipe's 2,000 steps (1 runs), 500 steps (1 runs)"


def test_published_weights_have_no_length_of_training(build):
    build.run("carn", left=scored(37.0).with_facts(train=FIXED))
    assert "length of training" not in facts(build)
