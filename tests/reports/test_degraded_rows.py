"""Rows on LR of different degradations: groups of their own, each with its bicubic row."""

import re
from dataclasses import replace

from srbench.data.lr_source import DegradationStep
from srbench.experiments.store.record import Membership
from srbench.reports.columns import DeltaColumn, SettingColumn
from srbench.reports.latex import to_latex
from srbench.reports.markdown import to_markdown
from srbench.reports.terminal import summary
from tests.reports.conftest import FILES, ON_FILES, SET5, cell, imaged, means, psnr, row, shown

BLUR, NOISE = "gaussian-blur k=5 σ=1.5", "noise σ=0.1"
STEPS = {
    "null": (),
    "blur": (DegradationStep("blur", {"kernel": 5.0, "sigma": 1.5}),),
    "noise": (DegradationStep("noise", {"sigma": 0.1}),),
}
RESIZED = (DegradationStep("resize", {"resizer": "matlab-symmetric"}),)
MADE = replace(ON_FILES, lr=replace(FILES, files=False), lr_sha256=None)


def on(given: str, files: bool = True):
    """The certificate of LR files that were degraded so."""
    certificate = ON_FILES if files else MADE
    return replace(certificate, lr=replace(certificate.lr, steps=STEPS[given]))


def degraded(build, *models: str) -> None:
    """Each model on each of STEPS; PSNR falls from one to the next, and rises from model to model."""
    for number, given in enumerate(STEPS):
        for place, model in enumerate(models):
            words = (f"model={model}", f"data.degradation={given}")
            build.run(
                model, words=words, hashed=f"{number}{place}", left=imaged(on(given), set5=[40.0 - 5 * number + place])
            )


def test_each_degradation_is_a_group_with_its_bicubic_row_and_its_own_best(build):
    degraded(build, "bicubic", "carn", "mossnet")
    (section,) = build.report().sections
    expected = []
    for name, value in (("none", 40), (BLUR, 35), (NOISE, 30)):
        expected.append([["bicubic", name, f"{value}.00"]])
        expected.append([["carn", name, f"{value + 1}.00second"], ["mossnet", name, f"{value + 2}.00best"]])
    assert shown(section, "model", "degradation", SET5) == expected


def test_the_degradation_as_recorded_stands_in_place_of_its_override_but_for_scripts(build):
    degraded(build, "carn")
    report = build.report()
    (section,) = report.sections
    assert SettingColumn("data.degradation") not in [column.of for column in section.columns]
    assert [row.settings["data.degradation"] for row in report.rows] == ["null", "blur", "noise"]


def test_the_tables_name_the_degradation_in_words(build):
    degraded(build, "carn")
    report = build.report()
    assert f"| carn | default | ×2 | {BLUR} |" in to_markdown(report)
    assert r"carn & default & $\times$2 & noise $\sigma$=0.1 &" in to_latex(report)
    lines = summary(report).splitlines()
    assert re.split(r"\s{2,}", lines[3])[:4] == ["Model", "Variant", "Scale", "Degradation"]
    assert len([line for line in lines if line.startswith("carn")]) == 3


def test_no_degradation_refuses_another(build):
    degraded(build, "carn")
    assert means(build.report()) == [40, 35, 30]


def test_a_study_on_degraded_lr_alone_says_so(build):
    build.run(left=imaged(on("noise"), set5=[37.0]))
    (section,) = build.report().sections
    assert shown(section, "degradation") == [[[NOISE]]]


def test_a_study_on_plain_lr_has_no_such_column(build):
    build.run(left=imaged(set5=[37.0]))
    (section,) = build.report().sections
    assert "degradation" not in [column.of for column in section.columns]


def test_within_a_degradation_another_maker_of_lr_is_still_refused(build):
    certificates = (on("noise"), on("noise"), on("noise", files=False), ON_FILES)
    for number, certificate in enumerate(certificates):
        build.run(f"m{number}", hashed=f"{number}", left=imaged(certificate, set5=[30.0 + number]))
    report = build.report()
    assert [row(report, model=f"m{number}").scores[SET5].mean for number in range(4)] == [30, 31, None, 33]


def test_a_resizer_that_was_asked_for_is_a_degradation_even_if_it_is_the_usual_one(build):
    asked = replace(MADE, lr=replace(MADE.lr, steps=RESIZED))
    build.run("carn", hashed="0", left=imaged(set5=[37.0]))
    words = ("data.degradation=matlab-symmetric",)
    build.run("carn", hashed="1", words=words, left=imaged(asked, set5=[38.0]))
    build.run("mossnet", hashed="2", left=imaged(MADE, set5=[39.0]))  # for want of LR files
    assert means(build.report()) == [37, None, 38]


def test_a_run_that_is_not_done_stands_in_the_group_of_its_degradation(build):
    degraded(build, "bicubic")
    build.run("carn", words=("data.degradation=[{blur: {kernel: 5}}]",), hashed="9", asked=STEPS["blur"])
    build.run("mossnet", words=("data.degradation=jpeg",), hashed="8", asked=(DegradationStep("jpeg", {}),))
    (section,) = build.report().sections
    found = [row for group in shown(section, "model", "degradation") for row in group]
    assert found == [
        ["bicubic", "none"],
        ["bicubic", BLUR],
        ["carn", BLUR],
        ["bicubic", NOISE],
        ["mossnet", "jpeg q=75"],
    ]


NEARLY = (DegradationStep("noise", {"sigma": 0.1000004}),)


def nearly_alike(build):
    """The report of an ablation whose variant has LR with nearly the noise of its baseline's."""
    places = Membership("atrous", "1-1-1", True), Membership("atrous", "1-2-1", False)
    for number, (place, steps) in enumerate(zip(places, (STEPS["noise"], NEARLY), strict=True)):
        certificate = replace(ON_FILES, lr=replace(FILES, steps=steps))
        build.run("carn", place, hashed=f"{number}", left=imaged(certificate, set5=[30.0 + number]))
    return build.report()


def test_a_degradation_is_its_settings_however_near_they_are(build):
    report = nearly_alike(build)
    assert psnr(report, "1-2-1").delta is None
    assert psnr(report, "1-2-1").delta_reason == "its baseline has LR of another degradation: noise σ=0.1"


def test_different_settings_have_different_texts(build):
    (section,) = nearly_alike(build).sections
    assert shown(section, "variant", "degradation") == [
        [["1-1-1 (baseline)", "noise σ=0.1"]],
        [["1-2-1", "noise σ=0.1000004"]],
    ]


def test_seeds_on_different_lr_are_no_row(build):
    for seed, given in enumerate(("blur", "noise")):  # of a data option that was edited between them
        build.run("carn", seed=seed, hashed=f"{seed}", left=imaged(on(given), set5=[30.0 + seed]))
    assert means(build.report()) == [30, 31]


def test_a_seed_that_is_not_done_stands_in_the_row_of_the_others(build):
    build.run("carn", seed=0, hashed="0", left=imaged(on("noise"), set5=[30.0]), asked=STEPS["noise"])
    build.run("carn", seed=1, hashed="1", asked=STEPS["noise"])
    (only,) = build.report().rows
    assert only.absent == ("seed 1: not run yet",)


def lr_ablation(build):
    """The report of an ablation of LR: a clean and a noisy variant, beside bicubic on each degradation."""
    for number, given in enumerate(STEPS):
        words = (f"data.degradation={given}",)
        build.run("bicubic", words=words, hashed=f"b{number}", left=imaged(on(given), set5=[10.0, 11.0]))
    variants = {"clean": {"data.degradation": None}, "noisy": {"data.degradation": "noise"}}
    lr = {"title": "LR", "applies_to": {"any": {"baseline": "clean", "variants": variants}}}
    build.plan({}, ablations={"lr": lr})
    for number, (variant, given) in enumerate((("clean", "null"), ("noisy", "noise"))):
        place, words = Membership("lr", variant, not number), ("model=carn", f"data.degradation={given}")
        left = imaged(on(given), set5=[30.0 - number, 31.0 - 2 * number])
        build.run("carn", place, words=words, hashed=f"{number}", left=left)
    return build.report()


def test_an_ablation_is_divided_by_degradation(build):
    (section,) = [section for section in lr_ablation(build).sections if section.title == "LR"]
    assert shown(section, "model", "degradation", DeltaColumn(SET5)) == [
        [["bicubic", "none", ""]],
        [["carn", "none", "+0.000"]],
        [["bicubic", NOISE, ""]],
        [["carn", NOISE, "–"]],
    ]


def test_no_delta_leads_from_one_degradation_to_another(build):
    report = lr_ablation(build)
    assert (psnr(report, "clean").delta, psnr(report, "noisy").delta) == (0, None)
    assert psnr(report, "noisy").delta_p is None
    (section,) = [section for section in report.sections if section.title == "LR"]
    assert cell(section, section.groups[3][0], DeltaColumn(SET5)).notes == (
        "its baseline has LR of another degradation: none",
    )
