"""Which scores share a column, which rows are compared, and what counts as a seed."""

import re

import pandas as pd
import pytest

from srbench.reports.comparison import comparison
from srbench.reports.page import summary
from srbench.reports.tables import sections

BASE, OTHER = ("atrous", "1-1-1", True), ("atrous", "1-2-1", False)
NOISE = "noise σ=0.1"
LUMA_ON = "y (luma, border scale), 1 images (LR: file)"


# Pixels


def on(lr: str, maker: str | None = None, hr: str = "a") -> dict:
    sums = {"checksums": {"set5": {"hr": hr * 64, "lr": lr * 64}}}
    return sums | ({"lr_made_by": {"set5": maker}} if maker else {})


def columns_of(build, *records: dict) -> list[float]:
    """PSNR of the models m0, m1, … in the table, NaN where it is refused."""
    for number, record in enumerate(records):
        build.run(f"m{number}", hashed=f"{number}", images={"set5": [30.0 + number]}, record=record)
    return comparison(build.study())["set5.psnr"].fillna(0).tolist()


def test_lr_files_of_other_pixels_are_refused_by_the_name_of_their_resizer(build):
    matlab, pillow = on("b", "matlab-replicate"), on("c", "pil-bicubic")
    assert columns_of(build, matlab, pillow, matlab) == [30, 0, 32]
    own = f"{LUMA_ON}, LR files by pil-bicubic, HR {'a' * 12}, LR {'c' * 12}"
    held = f"{LUMA_ON}, LR files by matlab-replicate, HR {'a' * 12}, LR {'b' * 12}"
    assert f"set5: scored by {own}; this column holds {held}" in summary(build.study()).splitlines()


def test_hr_of_other_pixels_is_refused(build):
    assert columns_of(build, on("b"), on("b"), on("b", hr="d")) == [30, 31, 0]


def test_records_without_pixels_are_refused_by_none_and_bring_none_together(build):
    assert columns_of(build, {}, {}, {}, on("b"), on("b"), on("c")) == [30, 31, 32, 33, 34, 0]


def test_equal_pixels_are_equal_lr_whatever_was_recognised_in_them(build):
    assert columns_of(build, on("b", "unknown"), on("b", "matlab-replicate"), on("b")) == [30, 31, 32]


def test_without_digests_the_recognised_resizer_decides(build):
    makers = ({"lr_made_by": {"set5": name}} for name in ("pil-bicubic", "matlab-replicate", "matlab-replicate"))
    assert columns_of(build, *makers) == [0, 31, 32]


def test_every_row_of_the_csv_names_its_protocol_and_what_made_its_lr(build):
    matlab = on("b", "matlab-replicate")
    build.run("carn", hashed="0", images={"set5": [37.0]}, record=matlab, resizer=f"file + {NOISE}")
    build.run("mdrn", hashed="1", images={"set5": [37.0]}, record=matlab)
    name = build.run("mossnet", hashed="2", images={"set5": [37.0], "val": [30.0]}, record=matlab)
    path = build.folder / name / "scores.csv"
    path.write_text(re.sub(r"(?m)^(val.*),file$", r"\1,matlab-symmetric", path.read_text()))
    build.run("safmn", hashed="3")
    table = comparison(build.study()).set_index("model")
    assert table.protocol.dropna().to_dict() == dict.fromkeys(("carn", "mdrn", "mossnet"), "y (luma, border scale)")
    assert table.resizer.dropna().to_dict() == {
        "carn": f"file by matlab-replicate + {NOISE}",
        "mdrn": "file by matlab-replicate",
        "mossnet": "set5: file by matlab-replicate; val: matlab-symmetric",
    }


# Tiles


def test_a_score_of_a_set_run_in_tiles_is_marked_and_other_models_keep_theirs(build):
    tiled = {"inference": {"tiled": ["set14"]}}
    for number, (model, record) in enumerate((("carn", tiled), ("mossnet", {}))):
        build.run(model, hashed=f"{number}", images={"set5": [37.0], "set14": [33.0]}, record=record)
    study = build.study()
    (section,) = sections(comparison(study), study)
    ((carn, mossnet),) = section.groups
    assert carn["set14.psnr"].notes == ("run in tiles",)
    assert [cell.notes for cell in (carn["set5.psnr"], mossnet["set5.psnr"], mossnet["set14.psnr"])] == [(), (), ()]
    assert [row["set14.psnr"].text for row in (carn, mossnet)] == ["33.00", "33.00"]


# Seeds


def three_seeds(build, trained: bool) -> pd.Series:
    for seed in range(3):
        build.run("carn", seed=seed, hashed=f"{seed}", images={"set5": [37.0 + trained * seed]}, trained=trained)
    return comparison(build.study()).iloc[0]


@pytest.mark.parametrize(("trained", "seeds", "psnr"), [(True, 3, "38.00 ± 1.00"), (False, 1, "37.00")])
def test_seeds_are_those_of_training_and_fixed_weights_are_one_observation(build, trained, seeds, psnr):
    row = three_seeds(build, trained)
    assert (row.seeds, "set5.psnr.std" in row) == (seeds, trained)
    (section,) = sections(comparison(build.study()), build.study())
    assert section.groups[0][0]["set5.psnr"].text == psnr
    assert ("seeds" in section.columns) == trained


def test_the_interval_of_fixed_weights_holds_no_noise_of_training(build):
    for seed in range(3):
        for place, gain in ((BASE, 0.0), (OTHER, 1.0)):
            images = {"set5": [30.0, 31.0 + gain, 32.0]}
            build.run("carn", place, seed=seed, hashed=f"{seed}{place[1][2]}", images=images, trained=False)
    study = build.study()
    table = comparison(study)
    assert table.seeds.tolist() == [1, 1]
    remarks = sections(table, study)[0].remarks
    assert "There is one seed: the noise of training is not in it." in remarks[0]


def test_trained_seeds_are_each_compared_with_a_baseline_of_fixed_weights(build):
    for seed in range(3):
        build.run("carn", BASE, seed=seed, hashed=f"{seed}0", images={"set5": [30.0, 31.0]}, trained=False)
        build.run("carn", OTHER, seed=seed, hashed=f"{seed}1", images={"set5": [31.0 + seed, 32.0 + seed]})
    study = build.study()
    row = comparison(study).set_index("variant").loc["1-2-1"]
    assert (row.seeds, row["set5.psnr.delta"]) == (3, 2)
    assert "seeds: 3" in sections(comparison(study), study)[0].remarks[0]
