"""The section of the report that shows what `explain` has found."""

import os
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest

from srbench.audits.conventions import CONVENTIONS, CORE, OF_BICUBIC
from srbench.core.pixel_format import RGB8, PixelFormat
from srbench.data.lr_source import DegradationStep, LrSource
from srbench.evaluation.certificate import Certificate
from srbench.evaluation.settings import Inference
from srbench.experiments.store.record import read_record
from srbench.reports.certified import certificate_digest
from srbench.reports.explained import TITLE
from srbench.reports.write import write_report
from tests.builders import RGB, certificate
from tests.reports.conftest import ON_FILES, Outcome, scored

HEADING = f"## {TITLE}"
SETS = {"set5": 5, "set14": 14, "b100": 100}  # with their numbers of images


def explain(folder: Path, *sets: tuple[str, str], on: Certificate = ON_FILES) -> None:
    """explain.csv of the `sets`, a run and a data set each, as `explain` writes it of scores that rest on `on`; PSNR
    counts up from 30."""
    rows = []
    for run, dataset in sets:
        rests_on = certificate_digest(replace(on, images=SETS.get(dataset, 1)))
        facts = {"scale": 2, "protocol": on.told_protocol, "lr": "file", "certificate": rests_on, "images": 5}
        for number, one in enumerate(CONVENTIONS + (OF_BICUBIC if run.startswith("bicubic") else ())):
            about = {"run": run, "dataset": dataset, **facts}
            psnr = float("nan") if one.sr == "truncated" else 30 + number
            rows.append({"convention": one.title, "core": one.title in CORE, **about, "psnr": psnr, "ssim": 0.9})
    folder.mkdir(parents=True, exist_ok=True)
    pd.DataFrame(rows).to_csv(folder / "explain.csv", index=False, float_format="%.6f")


@pytest.fixture
def runs(build) -> list[str]:
    """A bicubic run and a network's, on three data sets."""
    left = Outcome({name: {"psnr": 37.0} for name in SETS})
    return [build.run(model, hashed=model[0], left=left) for model in ("bicubic", "carn")]


def section(build, reports_dir: Path) -> list[str]:
    lines = (write_report(build.folder, reports_dir) / "table.md").read_text().splitlines()
    assert lines.count(HEADING) == 1
    return lines[lines.index(HEADING) + 2 :]


def names_the_command(lines: list[str]) -> bool:
    return "python -m srbench explain" in lines[0]


def test_without_it_the_section_names_the_command(build, runs, tmp_path):
    (line,) = section(build, tmp_path)
    assert line.startswith(f"`python -m srbench explain {build.folder}` scores the SR images")


def test_networks_stand_before_bicubic_with_a_link_to_the_rest(build, runs, tmp_path):
    bicubic, carn = runs
    explain(tmp_path / "mine", (bicubic, "set5"), (carn, "set5"))
    lines = section(build, tmp_path)
    assert "[explain.md](explain.md)" in lines[0]
    assert lines[2:4] == [
        rf"- \[1\] {carn} on set5: y (luma, border scale), 5 images (LR: file)",
        rf"- \[2\] {bicubic} on set5: y (luma, border scale), 5 images (LR: file)",
    ]


def test_the_core_of_it_is_a_table_of_twenty_rows(build, runs, tmp_path):
    bicubic, carn = runs
    explain(tmp_path / "mine", (bicubic, "set5"), (carn, "set5"))
    rows = [line for line in section(build, tmp_path) if line.startswith("| ")]
    assert rows[0] == r"| convention | \[1\] PSNR | SSIM | \[2\] PSNR | SSIM |"
    assert rows[2] == "| the run's protocol | 30.000 | 0.9000 | 30.000 | 0.9000 |"
    assert "| the run's protocol, SR truncated | – | 0.9000 | – | 0.9000 |" in rows
    assert rows[-1].startswith("| bicubic of luma alone (SRCNN's code) | – | – | 6")
    assert len(rows) == 2 + len(CORE) == 22


def test_of_many_runs_and_data_sets_the_first_of_networks_are_shown(build, runs, tmp_path):
    bicubic, carn = runs
    explain(tmp_path / "mine", *((run, dataset) for run in (bicubic, carn) for dataset in SETS))
    lines = section(build, tmp_path)
    assert lines[0].endswith("[explain.md](explain.md) (2 more runs or data sets).")
    assert [line.split(": ")[0] for line in lines[2:6]] == [
        *(rf"- \[{number}\] {carn} on {dataset}" for number, dataset in enumerate(SETS, 1)),
        rf"- \[4\] {bicubic} on set5",
    ]
    assert not any(r"\[5\]" in line for line in lines)


@pytest.mark.parametrize("content", [b"", b"\xff", b"convention,run\n", b'a,"b', b"convention,psnr\nx,high\n"])
def test_a_file_that_cannot_be_read_counts_as_none(build, runs, tmp_path, content):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine/explain.csv").write_bytes(content)
    assert names_the_command(section(build, tmp_path))


def test_scores_of_other_runs_are_not_shown(build, runs, tmp_path):
    explain(tmp_path / "mine", ("carn-gone-x2-s0-00000000", "set5"))
    assert names_the_command(section(build, tmp_path))


@pytest.mark.parametrize(
    "changed",
    [
        {"protocol": RGB},
        {"hr_sha256": "c" * 64},
        {"lr_sha256": "c" * 64},
        {"lr": LrSource(files=True, steps=(DegradationStep("noise", {"sigma": 0.1}),))},
        {"weights_sha256": "c" * 64},
        {"inference": Inference(self_ensemble=True)},
    ],
    ids=lambda changed: next(iter(changed)),
)
def test_scores_that_rest_on_something_else_are_not_shown(build, runs, tmp_path, changed):
    explain(tmp_path / "mine", (runs[1], "set5"), on=replace(ON_FILES, **changed))
    assert names_the_command(section(build, tmp_path))


def test_scores_of_a_set_that_the_run_has_no_longer_are_not_shown(build, runs, tmp_path):
    explain(tmp_path / "mine", (runs[1], "urban100"))
    assert names_the_command(section(build, tmp_path))


def test_scores_of_a_self_ensemble_are_shown(build, tmp_path):
    ensemble = replace(ON_FILES, inference=Inference(self_ensemble=True))
    name = build.run("carn", left=replace(scored(37.0), on=ensemble))
    explain(tmp_path / "mine", (name, "set5"), on=ensemble)
    lines = section(build, tmp_path)
    assert lines[2] == rf"- \[1\] {name} on set5: y (luma, border scale), self-ensemble ×8, 5 images (LR: file)"


def test_what_was_explained_is_shown_whatever_the_times_of_files(build, runs, tmp_path):
    build.write_images(runs[1], {"set5": [20.0]})
    explain(tmp_path / "mine", (runs[1], "set5"))
    os.utime(tmp_path / "mine/explain.csv", (0, 0))  # as of a copy
    assert not names_the_command(section(build, tmp_path))


def test_a_certificate_has_one_digest_before_and_after_it_is_stored(build):
    noisy = replace(ON_FILES, lr=LrSource(files=True, steps=(DegradationStep("blur", {"kernel": 5.0, "sigma": 2.0}),)))
    name = build.run("carn", left=replace(scored(37.0), on=noisy))
    stored = read_record(build.folder / name).certificates["set5"]
    assert certificate_digest(stored) == certificate_digest(noisy)


def test_what_scores_of_8_bits_in_rgb_rest_on_is_named_as_it_was_before_others_were_known():
    on = certificate()
    assert certificate_digest(on) == certificate_digest(replace(on, form=RGB8))
    assert certificate_digest(on) == "bc3b99170ab4002596e7d70397c1583a7c0730528e67aefd9afc17f349a819f7"
    assert certificate_digest(on) != certificate_digest(replace(on, form=PixelFormat(16, 3)))
