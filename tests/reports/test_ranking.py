from math import exp, nan

import pandas as pd
import pytest

from srbench.cli.verbs import report
from srbench.core.errors import UserError
from srbench.reports.comparison import comparison
from srbench.reports.markup import to_latex, to_markdown
from srbench.reports.page import summary, write_report
from srbench.reports.ranking import ntire_score


def costs(milliseconds: float | None, flops: float | None, params: int, height: int = 256) -> dict:
    latency = {"batch": 1, "height": height, "width": 256, "median_ms": milliseconds, "threads": 1, "device": "cpu"}
    cost = {"params": params} | ({} if flops is None else {"flops_256": flops})
    return {"cost": cost, "latency": [] if milliseconds is None else [latency]}


def scores(build, model: str) -> dict:
    table = comparison(build.study(), model)
    assert set(table.ntire_baseline) == {model}
    keys = zip(table.model, table.variant, table.scale, strict=True)
    return dict(zip(keys, table.ntire_score, strict=True))


def gaps(build, model: str) -> list[str]:
    study = build.study()
    lines = to_markdown(comparison(study, model), study).splitlines()
    return [line.partition("> ")[2].removesuffix("<br>") for line in lines if line.startswith("<sup>")]


def test_the_score_by_hand():
    cost = pd.DataFrame({"latency_ms": [10.0, 5.0, nan], "flops_256": [4.0, 8.0, 4.0], "params": [100, 50, 100]})
    found = ntire_score(cost, cost.iloc[0])
    assert found[0] == pytest.approx(exp(2))
    assert found[1] == pytest.approx(0.7 * exp(1) + 0.15 * exp(4) + 0.15 * exp(1))
    assert pd.isna(found[2])


def test_rows_are_compared_with_the_models_baseline_variant_at_their_scale(build):
    for scale, factor in ((2, 1), (4, 3)):
        place = {"scale": scale}
        build.run("carn", ("atrous", "1-1-1", True), hashed=f"{scale}0", record=costs(10 * factor, 8, 100), **place)
        build.run("carn", ("atrous", "1-2-1", False), hashed=f"{scale}1", record=costs(20 * factor, 8, 100), **place)
        build.run("espcn", hashed=f"{scale}2", record=costs(5 * factor, 4, 50), **place)
    expected = {"1-1-1": exp(2), "1-2-1": 0.7 * exp(4) + 0.3 * exp(2), "default": exp(1)}
    found = scores(build, "carn")
    assert len(found) == 6
    assert all(value == pytest.approx(expected[variant]) for (_, variant, _), value in found.items())


def test_a_baseline_that_two_ablations_share_is_one(build):
    build.run("carn", ("atrous", "1-1-1", True), ("se", "none", True), hashed="0", record=costs(10, 8, 100))
    assert list(scores(build, "carn").values()) == pytest.approx([exp(2)] * 2)


def test_a_score_that_cannot_be_had_says_why(build, scored):
    build.run("bicubic", hashed="0", record=costs(1, None, 0))
    build.run("carn", hashed="1", record=costs(10, 8, 100))
    build.run("espcn", hashed="2", record=costs(None, 4, 50))
    build.run("mossnet", hashed="3", record=costs(5, None, 50) | {"missing": {"flops": "unknown operators"}})
    build.run("mdrn", hashed="4", record=costs(5, 4, 50, height=128))
    build.run("mdrn", hashed="5", scale=3, record=costs(5, 4, 50))
    assert [value for value in scores(build, "carn").values() if not pd.isna(value)] == pytest.approx([exp(2)])
    told = gaps(build, "carn")
    assert "Latency: not measured" in told
    assert "FLOPs 256²: unknown operators" in told
    assert (
        "its latency was measured with input 128×256, threads 1, cpu, that of carn with input 256×256, threads 1, cpu"
        in told
    )
    assert "carn has no row at ×3 to compare with" in told
    assert "carn has no flops_256 at ×2 to compare with" not in told
    assert "mossnet has no flops_256 at ×2 to compare with" in gaps(build, "mossnet")


def test_several_rows_of_the_model_are_no_baseline(build):
    for number, width in enumerate((32, 64)):
        build.run("carn", overrides=(f"model.width={width}",), hashed=str(number), record=costs(10, 8, width))
    assert all(pd.isna(value) for value in scores(build, "carn").values())
    assert "carn has several rows at ×2 to compare with" in gaps(build, "carn")


def test_the_report_has_the_column_on_request_and_says_what_it_is_not(build, tmp_path, capsys):
    build.run("carn", hashed="0", record=costs(10, 8, 100))
    build.run("espcn", hashed="1", record=costs(10_000, 4, 50))  # beyond the range of floats
    study = build.study()
    assert "ntire_score" not in comparison(study)
    report([str(build.folder), f"reports_dir={tmp_path}", "ntire=carn"])
    table = pd.read_csv(tmp_path / "mine" / "table.csv")
    assert table.ntire_score.tolist() == pytest.approx([exp(2), float("inf")])
    text = (tmp_path / "mine" / "table.md").read_text()
    assert (
        "- NTIRE score: 0.7·exp(2·t/t0) + 0.15·exp(2·F/F0) + 0.15·exp(2·P/P0) of latency, FLOPs 256² and params, "
        "against carn at the same scale (Ren et al., CVPR Workshops 2025); the challenge's own baseline is EFDN and "
        "its machine a GPU, so values compare only within this table\n"
    ) in text
    assert "| Latency (ms) | NTIRE score (lower is better) |" in text
    assert "| 10.0 | 7.39 |" in text
    assert "| 10,000 | ∞ |" in text
    assert "NTIRE score (lower is better)" in to_latex(comparison(study, "carn"), study)
    assert "7.39" in capsys.readouterr().out
    assert "7.39" in summary(study, "carn")


def test_an_unknown_model_is_the_users_mistake_and_leaves_no_report(build, tmp_path):
    build.run("carn", hashed="0", record=costs(10, 8, 100))
    with pytest.raises(UserError, match=r"^ntire=cran: no such model in this study, did you mean carn\?$"):
        write_report(build.folder, tmp_path / "reports", "cran")
    assert not (tmp_path / "reports").exists()
