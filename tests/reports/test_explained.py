"""The section of the report that shows what `explain` has found."""

import os

import pandas as pd
import pytest

from srbench.audits.conventions import CONVENTIONS, CORE, OF_BICUBIC
from srbench.reports.explained import TITLE
from srbench.reports.page import rewrite_report, write_report

HEADING = f"## {TITLE}"


def explained(folder, *sets, protocol="y (luma, border scale)"):
    """explain.csv of the `sets`, a run and a data set each, as `explain` writes it; PSNR counts up from 30."""
    rows = []
    for run, dataset in sets:
        for number, one in enumerate(CONVENTIONS + (OF_BICUBIC if run.startswith("bicubic") else ())):
            about = {"run": run, "dataset": dataset, "scale": 2, "protocol": protocol, "lr": "file", "images": 5}
            psnr = float("nan") if one.sr == "truncated" else 30 + number
            rows.append({"convention": one.title, "core": one.title in CORE, **about, "psnr": psnr, "ssim": 0.9})
    folder.mkdir(parents=True, exist_ok=True)
    pd.DataFrame(rows).to_csv(folder / "explain.csv", index=False, float_format="%.6f")


@pytest.fixture
def runs(build, scored):
    """A bicubic run and a network's."""
    return [build.run(model, hashed=model[0], record=scored(37.0)) for model in ("bicubic", "carn")]


def section(build, reports_dir) -> list[str]:
    lines = (write_report(build.folder, reports_dir) / "table.md").read_text().splitlines()
    assert lines.count(HEADING) == 1
    return lines[lines.index(HEADING) + 2 :]


def test_without_it_the_section_names_the_command(build, runs, tmp_path):
    (line,) = section(build, tmp_path)
    assert line.startswith(f"`python -m srbench explain {build.folder}` scores the SR images")


def test_the_core_of_it_is_a_table_of_twenty_rows_with_a_link_to_the_rest(build, runs, tmp_path):
    bicubic, carn = runs
    explained(tmp_path / "mine", (bicubic, "set5"), (carn, "set5"))
    lines = section(build, tmp_path)
    assert "[explain.md](explain.md)" in lines[0]
    assert lines[2:4] == [
        f"- [1] {carn} on set5: y (luma, border scale), 5 images (LR: file)",
        f"- [2] {bicubic} on set5: y (luma, border scale), 5 images (LR: file)",
    ]
    rows = [line for line in lines if line.startswith("| ")]
    assert rows[0] == "| convention | [1] PSNR | SSIM | [2] PSNR | SSIM |"
    assert rows[2] == "| the run's protocol | 30.000 | 0.9000 | 30.000 | 0.9000 |"
    assert "| the run's protocol, SR truncated | – | 0.9000 | – | 0.9000 |" in rows
    assert rows[-1].startswith("| bicubic of luma alone (SRCNN's code) | – | – | 6")
    assert len(rows) == 2 + len(CORE) == 22


def test_of_many_runs_and_data_sets_the_first_of_networks_are_shown(build, runs, tmp_path):
    bicubic, carn = runs
    names = ("set5", "set14", "b100")
    explained(tmp_path / "mine", *((run, dataset) for run in (bicubic, carn) for dataset in names))
    lines = section(build, tmp_path)
    assert lines[0].endswith("[explain.md](explain.md) (2 more runs or data sets).")
    assert [line.split(": ")[0] for line in lines[2:6]] == [
        *(f"- [{number}] {carn} on {dataset}" for number, dataset in enumerate(names, 1)),
        f"- [4] {bicubic} on set5",
    ]
    assert not any("[5]" in line for line in lines)


@pytest.mark.parametrize("content", [b"", b"\xff", b"convention,run\n", b'a,"b', b"convention,psnr\nx,high\n"])
def test_a_file_that_cannot_be_read_counts_as_none(build, runs, tmp_path, content):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine/explain.csv").write_bytes(content)
    assert "python -m srbench explain" in section(build, tmp_path)[0]


def test_scores_of_other_runs_or_of_another_protocol_are_not_shown(build, runs, tmp_path):
    explained(tmp_path / "mine", ("carn-gone-x2-s0-00000000", "set5"))
    assert "python -m srbench explain" in section(build, tmp_path)[0]
    explained(tmp_path / "mine", (runs[1], "set5"), protocol="rgb (rgb, border scale)")
    assert "python -m srbench explain" in section(build, tmp_path)[0]


def test_what_was_explained_before_the_run_was_scored_again_is_not_shown(build, runs, tmp_path):
    explained(tmp_path / "mine", (runs[1], "set5"))
    assert "explain.md" in section(build, tmp_path)[0]
    build.write_scores(runs[1], {"set5": [20.0]})
    later = (tmp_path / "mine/explain.csv").stat().st_mtime_ns + 10**9
    os.utime(build.folder / runs[1] / "scores.csv", ns=(later, later))
    assert "python -m srbench explain" in section(build, tmp_path)[0]


def test_a_report_is_written_again_as_it_was_asked_for(build, scored, runs, tmp_path):
    folder = write_report(build.folder, tmp_path, "carn")
    asked = (folder / "table.csv").read_bytes()
    explained(folder, (runs[1], "set5"))
    rewrite_report(build.folder, tmp_path)
    assert b"ntire_score" in asked
    assert (folder / "table.csv").read_bytes() == asked
    assert "[1] carn" in (folder / "table.md").read_text()
