"""Rows on LR of different degradations: groups of their own, each with its bicubic row."""

import re

import pandas as pd

from srbench.experiments.store.results import add_to_plan
from srbench.reports.comparison import comparison
from srbench.reports.markup import to_latex, to_markdown
from srbench.reports.page import summary
from srbench.reports.tables import sections

BLUR, NOISE = "gaussian-blur k=5 σ=1.5", "noise σ=0.1"
MADE = {"null": "file", "blur": f"file + {BLUR}", "noise": f"file + {NOISE}"}


def degraded(build, *models: str) -> None:
    """Each model on each of MADE; PSNR falls from one to the next, and rises from model to model."""
    for number, (given, resizer) in enumerate(MADE.items()):
        for place, model in enumerate(models):
            words = (f"model={model}", f"data.degradation={given}")
            images = {"set5": [40.0 - 5 * number + place]}
            build.run(model, overrides=words, hashed=f"{number}{place}", resizer=resizer, images=images)


def shown(section, *names: str) -> list[list[list[str]]]:
    """The cells' texts by group, a score's with its mark."""
    return [[[row[name].text + row[name].mark for name in names] for row in group] for group in section.groups]


def test_each_degradation_is_a_group_with_its_bicubic_row_and_its_own_best(build):
    degraded(build, "bicubic", "carn", "mossnet")
    study = build.study()
    table = comparison(study)
    assert table["set5.psnr"].tolist() == [40, 41, 42, 35, 36, 37, 30, 31, 32]
    assert table["data.degradation"].tolist() == ["null"] * 3 + ["blur"] * 3 + ["noise"] * 3
    (section,) = sections(table, study)
    expected = []
    for name, psnr in (("none", 40), (BLUR, 35), (NOISE, 30)):
        expected.append([["bicubic", name, f"{psnr}.00"]])
        expected.append([["carn", name, f"{psnr + 1}.00second"], ["mossnet", name, f"{psnr + 2}.00best"]])
    assert shown(section, "model", "degradation", "set5.psnr") == expected
    assert "data.degradation" not in section.columns


def test_the_tables_name_the_degradation_in_words(build):
    degraded(build, "carn")
    study = build.study()
    table = comparison(study)
    assert f"| carn | default | ×2 | {BLUR} |" in to_markdown(table, study)
    assert r"carn & default & $\times$2 & noise $\sigma$=0.1 &" in to_latex(table, study)
    lines = summary(study).splitlines()
    assert re.split(r"\s{2,}", lines[3])[:4] == ["Model", "Variant", "Scale", "Degradation"]
    assert len([line for line in lines if line.startswith("carn")]) == 3
    assert "scored by" not in summary(study)


def test_a_study_on_degraded_lr_alone_says_so_and_a_plain_one_has_no_such_column(build):
    build.run(hashed="0", images={"set5": [37.0]}, resizer="file + noise σ=0.1")
    (section,) = sections(comparison(build.study()), build.study())
    assert shown(section, "degradation") == [[[NOISE]]]
    build.run(hashed="0", images={"set5": [37.0]})
    (section,) = sections(comparison(build.study()), build.study())
    assert "degradation" not in section.columns


def test_within_a_degradation_another_maker_of_lr_is_still_refused(build):
    for number, resizer in enumerate((f"file + {NOISE}", f"file + {NOISE}", f"matlab-symmetric + {NOISE}", "file")):
        build.run(f"m{number}", hashed=f"{number}", resizer=resizer, images={"set5": [30.0 + number]})
    table = comparison(build.study()).set_index("model")["set5.psnr"]
    assert table.isna().to_dict() == {"m0": False, "m1": False, "m2": True, "m3": False}


def test_a_resizer_that_was_asked_for_is_a_degradation_even_if_it_is_the_usual_one(build):
    build.run("carn", hashed="0", images={"set5": [37.0]})
    asked = ("data.degradation=matlab-symmetric",)
    build.run("carn", hashed="1", overrides=asked, resizer="matlab-symmetric", images={"set5": [38.0]})
    build.run("mossnet", hashed="2", resizer="matlab-symmetric", images={"set5": [39.0]})  # for want of LR files
    table = comparison(build.study())
    assert table["set5.psnr"].fillna(0).tolist() == [37, 0, 38]


def test_a_run_that_is_not_done_stands_in_the_group_of_its_degradation(build):
    degraded(build, "bicubic")
    build.run("carn", overrides=("model=carn", "data.degradation=blur"), hashed="9")
    build.run("mossnet", overrides=("model=mossnet", "data.degradation=jpeg"), hashed="8")
    (section,) = sections(comparison(build.study()), build.study())
    found = [row for group in shown(section, "model", "degradation") for row in group]
    assert found == [["bicubic", "none"], ["bicubic", BLUR], ["carn", BLUR], ["bicubic", NOISE], ["mossnet", "jpeg"]]


def test_an_ablation_is_divided_by_degradation_and_no_delta_leads_across(build):
    for number, (given, resizer) in enumerate(MADE.items()):
        words = (f"data.degradation={given}",)
        build.run("bicubic", overrides=words, hashed=f"b{number}", resizer=resizer, images={"set5": [10.0, 11.0]})
    variants = {"clean": {"data.degradation": None}, "noisy": {"data.degradation": "noise"}}
    lr = {"title": "LR", "applies_to": {"any": {"baseline": "clean", "variants": variants}}}
    add_to_plan(build.folder, {"study": "mine", "ablations": {"lr": lr}, "runs": {}})
    for number, (variant, given) in enumerate((("clean", "null"), ("noisy", "noise"))):
        images = {"set5": [30.0 - number, 31.0 - 2 * number]}
        place, words = ("lr", variant, not number), ("model=carn", f"data.degradation={given}")
        build.run("carn", place, overrides=words, hashed=f"{number}", resizer=MADE[given], images=images)
    study = build.study()
    table = comparison(study)
    delta = table[table.ablation == "lr"].set_index("variant")["set5.psnr.delta"]
    assert (delta["clean"], pd.isna(delta["noisy"])) == (0, True)
    assert "set5.psnr.delta_p" not in table
    (section,) = [section for section in sections(table, study) if section.title == "LR"]
    rows = shown(section, "model", "degradation", "set5.psnr.delta")
    assert rows == [
        [["bicubic", "none", ""]],
        [["carn", "none", "+0.000"]],
        [["bicubic", NOISE, ""]],
        [["carn", NOISE, "–"]],
    ]
    noisy = section.groups[3][0]["set5.psnr.delta"]
    assert noisy.notes == ("its baseline has LR of another degradation: none",)
