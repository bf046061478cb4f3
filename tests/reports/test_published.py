"""Published scores beside measured ones."""

from dataclasses import replace

import pytest

from srbench.core.pixel_format import RGB8, PixelFormat
from srbench.data.lr_source import DegradationStep
from srbench.experiments.literature import entries
from srbench.reports.certified import certificate_digest
from srbench.reports.comma_separated import published_csv
from srbench.reports.latex import to_latex
from srbench.reports.markdown import to_markdown
from srbench.reports.report import Report, build_report
from srbench.reports.terminal import summary
from tests.builders import RGB
from tests.reports.conftest import FILES, FIXED, ON_FILES, Outcome
from tests.reports.conftest import scored as trained

ENTRY = {
    "checkpoint": "mdrn",
    "model": "mdrn",
    "network": "MDRN",
    "source": "slides",
    "reason": {"set14": "another LR", "any": "rounded luma"},
    "scores": {"2": {"set5": {"psnr": 38.0, "ssim": 0.96}, "set14": {"psnr": 33.0}, "b100": {"psnr": 32.0}}},
}
WORDS = ("model=mdrn", "checkpoint=mdrn")
UNDER = "published under luma with border = scale, measured under "
MADE_FOR = "published for LR by MATLAB's bicubic, measured on "
NOISE = DegradationStep("noise", {"sigma": 0.1})
MATLAB, PILLOW = (DegradationStep("resize", {"resizer": name}) for name in ("matlab-symmetric", "pil-bicubic"))


def scored(psnr: float, ssim: float | None = None, **others: float) -> Outcome:
    """Of weights that were not trained further."""
    return trained(psnr, ssim, **others).with_facts(train=FIXED)


@pytest.fixture
def report(build) -> Report:
    """MDRN's published weights at two scales, and one run of other weights."""
    build.plan({}, published={"mdrn": [ENTRY]})
    measured = scored(38.01, set14=33.05, b100=32.4, urban100=30.0)
    build.run("mdrn", hashed="0", words=WORDS, left=measured)
    build.run("mdrn", scale=3, hashed="1", words=WORDS, left=scored(34.0))
    build.run("mdrn", seed=1, hashed="2", words=("model=mdrn",), left=scored(38.2))
    return build.report()


def one(build, **change):
    """The only comparison of a run whose certificate differs so from that of LR files."""
    build.plan({}, published={"mdrn": [ENTRY]})
    build.run("mdrn", words=WORDS, left=replace(scored(37.0), on=replace(ON_FILES, **change)))
    (found,) = build.report().published
    return found


def test_each_published_score_stands_beside_the_measured_one(report):
    at_2 = [score for score in report.published if score.scale == 2]
    assert [score.dataset for score in at_2] == ["set5", "set14", "b100", "urban100"]
    assert [score.difference for score in at_2] == [0.01, 0.05, 0.4, None]
    verdicts = ["within 0.01 dB", "within 0.05 dB", "beyond", "nothing published"]
    assert [score.verdict for score in at_2] == verdicts


def test_a_difference_has_the_reason_that_is_known_for_it(report):
    assert [score.reason for score in report.published if score.scale == 2] == ["", "another LR", "rounded luma", ""]


def test_at_another_scale_nothing_is_published(report):
    (score,) = [score for score in report.published if score.scale == 3]
    assert (score.verdict, score.published_psnr, score.measured_psnr) == ("nothing published", None, 34.0)


def test_other_weights_are_not_compared(report):
    assert len(report.published) == 5


def test_published_weights_that_were_trained_further_are_not_compared(build):
    build.plan({}, published={"mdrn": [ENTRY]})
    build.run("mdrn", words=WORDS, left=trained(38.0))
    assert build.report().published == ()


def test_a_quoted_checkpoint_is_the_same(build):
    build.plan({}, published={"mdrn": [ENTRY]})
    build.run("mdrn", words=("+checkpoint='mdrn'",), left=scored(38.0))
    assert len(build.report().published) == 1


def test_bicubic_is_compared_whatever_its_overrides(build):
    build.plan({}, published={"bicubic": [ENTRY]})
    build.run("bicubic", words=("data.degradation=null",), left=scored(38.0))
    assert [score.verdict for score in build.report().published] == ["within 0.01 dB"]


def test_the_validation_images_of_the_training_are_no_published_set(build):
    build.plan({}, published={"mdrn": [ENTRY]})
    build.run("mdrn", words=WORDS, left=Outcome({"val": {"psnr": 38.0}}, facts={"train": FIXED}))
    assert build.report().published == ()


def test_a_silent_source_says_nothing_where_another_speaks(build):
    silent = {**ENTRY, "source": "paper", "scores": {}}
    build.plan({}, published={"mdrn": [silent, ENTRY]})
    build.run("mdrn", words=WORDS, left=scored(38.01))
    assert [score.source for score in build.report().published] == ["slides"]


# Reasons


def measured(build, *rows: tuple[str, float, float], images: int = 5, psnr: float = 38.1):
    """The reason for the difference to 38.00 and 0.9600, where explain has measured these conventions."""
    build.plan({}, published={"mdrn": [{**ENTRY, "reason": {}}]})
    name = build.run("mdrn", words=WORDS, left=scored(psnr, 0.97))
    lines = ["convention,core,run,dataset,scale,protocol,lr,certificate,images,psnr,ssim"]
    certificate = certificate_digest(build.study().done[0].certificates["set5"])
    place = f'{name},set5,2,"y (luma, border scale)",file,{certificate},{images}'
    told = [("the run's protocol", psnr, 0.97), *rows]
    lines += [f'"{convention}",True,{place},{found},{ssim}' for convention, found, ssim in told]
    file = build.folder / "explain.csv"
    file.write_text("\n".join(lines) + "\n")
    (one,) = build_report(build.study(), explained=file).published
    return one.reason


ROUNDED = "rounded luma, border = scale"


def test_a_convention_that_gives_the_published_score_is_the_reason(build):
    told = measured(build, (ROUNDED, 38.004, 0.96004), ("RGB, border 0", 35.0, 0.9))
    assert told == f"{ROUNDED} (protocol=y_uint8): 38.00 and SSIM 0.9600, as published"


def test_a_convention_that_comes_near_is_no_reason(build):
    told = measured(build, (ROUNDED, 38.006, 0.96004), ("RGB, border 0", 35.0, 0.9))
    nearest = f"the nearest is {ROUNDED} (protocol=y_uint8): 38.006 and SSIM 0.9600"
    assert told == f"no convention of explain gives 38.00; {nearest}"


def test_a_published_psnr_with_another_ssim_is_told(build):
    told = measured(build, ("SR truncated", 38.0, 0.97))
    assert told == "SR truncated: 38.00, as published, but SSIM 0.9700"


def test_where_nothing_was_measured_no_reason_is_given(build):
    assert measured(build) == ""
    build.plan({}, published={"mdrn": [{**ENTRY, "reason": {}}]})
    assert [one.reason for one in build.report().published] == [""]


def test_what_was_measured_on_a_part_of_the_images_is_no_reason(build):
    assert measured(build, (ROUNDED, 38.0, 0.96), images=2) == ""


def test_a_score_as_published_needs_no_reason(build):
    assert measured(build, (ROUNDED, 37.9, 0.96), psnr=38.004) == ""


@pytest.mark.parametrize("checkpoint", ["bicubic", "carn_m"])
def test_nothing_is_claimed_of_bicubic_and_carn_m_beforehand(checkpoint):
    assert all("reason" not in entry for entry in entries(["carn_m"])[checkpoint])


# Conditions


@pytest.mark.parametrize(
    ("protocol", "told"),
    [
        (RGB, "rgb (rgb, border scale)"),
        (replace(ON_FILES.protocol, border=0), "y (luma, border 0)"),
    ],
)
def test_a_score_under_another_protocol_is_not_compared(build, protocol, told):
    found = one(build, protocol=protocol)
    assert (found.verdict, found.difference, found.reason) == ("not comparable", None, UNDER + told)


def test_rounded_luma_is_compared(build):
    assert one(build, protocol=replace(ON_FILES.protocol, channels="luma_rounded")).difference == -1


def test_a_self_ensemble_is_not_compared(build):
    found = one(build, inference=replace(ON_FILES.inference, self_ensemble=True))
    assert found.reason == f"{UNDER}y (luma, border scale), self-ensemble ×8"


def test_a_score_on_deep_images_is_not_compared(build):
    told = "published for images of 8 bits, 3 channels, measured on images of 16 bits, 3 channels"
    assert one(build, form=PixelFormat(16, 3)).reason == told
    assert one(build, form=RGB8).difference == -1


@pytest.mark.parametrize(
    ("files", "steps", "told"),
    [
        (True, (NOISE,), "file + noise σ=0.1"),
        (False, (NOISE,), "matlab-symmetric + noise σ=0.1"),
        (False, (PILLOW,), "pil-bicubic"),
        (False, (MATLAB, NOISE), "matlab-symmetric + noise σ=0.1"),
    ],
)
def test_a_score_on_degraded_lr_is_not_compared(build, files, steps, told):
    found = one(build, lr=replace(FILES, files=files, steps=steps))
    assert (found.verdict, found.reason) == ("not comparable", MADE_FOR + told)


@pytest.mark.parametrize("steps", [(), (MATLAB,)])
def test_a_score_on_lr_by_matlabs_bicubic_is_compared(build, steps):
    assert one(build, lr=replace(FILES, files=False, steps=steps)).difference == -1


@pytest.mark.parametrize(
    ("recognised", "mixed", "told"),
    [
        (("pil-bicubic",), False, "LR files by pil-bicubic"),
        (("pil-bicubic", "opencv-cubic"), False, "LR files by pil-bicubic or opencv-cubic"),
        (("pil-bicubic",), True, "LR files by pil-bicubic and others"),
    ],
)
def test_lr_files_by_another_resizer_are_not_compared(build, recognised, mixed, told):
    found = one(build, lr=replace(FILES, recognised=recognised, mixed=mixed))
    assert (found.verdict, found.reason) == ("not comparable", MADE_FOR + told)


@pytest.mark.parametrize("recognised", [("matlab-replicate", "opencv-cubic"), ("matlab-float",), (), None])
def test_lr_files_that_may_be_matlabs_are_compared(build, recognised):
    assert one(build, lr=replace(FILES, recognised=recognised)).verdict == "beyond"


# Where it is shown


def test_the_table_is_in_the_reports(report):
    text = to_markdown(report)
    assert "## Published against measured" in text
    assert "| ×2 | set14 | 33.00 | – | 33.0500 |" in text
    assert "within 0.05 dB<sup>" in text
    assert "another LR" in to_latex(report)
    assert "Published against measured" in summary(report)


def test_the_csv_has_a_line_a_score(report):
    lines = published_csv(report.published).splitlines()
    assert lines[0] == (
        "network,scale,dataset,published_psnr,published_ssim,measured_psnr,measured_ssim,difference,verdict,reason,"
        "source,protocol,resizer,run"
    )
    row = 'MDRN,2,set5,38.0,0.96,38.01,,0.01,within 0.01 dB,,slides,"y (luma, border scale)",file'
    assert lines[1] == f"{row},{report.published[0].run}"
    assert len(lines) == 6


def test_a_study_with_nothing_published_at_any_scale_is_shown(build):
    build.plan({}, published={"mdrn": [{**ENTRY, "scores": {}}]})
    build.run("mdrn", words=WORDS, left=scored(38.01))
    assert "| MDRN<sup>2</sup> | ×2 | set5 | – | – | 38.0100 | – | – | nothing published |" in to_markdown(
        build.report()
    )


def test_every_published_score_has_a_source_and_lies_in_the_range_of_luma_psnr():
    found = entries(["carn_m", "mdrn", "safmn", "gfmn", "safmn_ntire", "mdrn_s"])
    assert set(found) == {"bicubic", "carn_m", "mdrn", "safmn", "gfmn", "safmn_ntire", "mdrn_s"}
    for entry in (entry for several in found.values() for entry in several):
        assert entry["source"]
        for scores in (s for sets in entry["scores"].values() for s in sets.values()):
            assert 24 < scores["psnr"] < 40
            assert 0.7 < scores.get("ssim", 0.9) < 1
    assert entries([None]) == {}


# Part of a set


def test_a_score_of_a_part_of_a_set_is_not_compared(build):
    build.plan({}, published={"mdrn": [{**ENTRY, "scores": {"2": {"manga109": {"psnr": 39.0}}}}]})
    build.run("mdrn", words=WORDS, left=Outcome(images={"manga109": [39.0] * 7}).with_facts(train=FIXED))
    (found,) = build.report().published
    assert (found.verdict, found.difference) == ("not comparable", None)
    assert found.reason == "published for the whole set, measured on 7 of 109 images"


@pytest.mark.parametrize(("dataset", "images"), [("set5", 5), ("manga109", 109), ("div2k", 100)])
def test_a_whole_set_is_compared(build, dataset, images):
    build.plan({}, published={"mdrn": [{**ENTRY, "scores": {"2": {dataset: {"psnr": 39.0}}}}]})
    build.run("mdrn", words=WORDS, left=Outcome(images={dataset: [39.0] * images}).with_facts(train=FIXED))
    assert [score.verdict for score in build.report().published] == ["within 0.01 dB"]
