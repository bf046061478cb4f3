"""Which scores share a column."""

from dataclasses import replace

import pytest

from srbench.evaluation.certificate import Certificate
from srbench.evaluation.settings import Inference
from srbench.experiments.store.record import Membership
from srbench.reports.columns import ScoreColumn
from srbench.reports.markdown import to_markdown
from srbench.reports.refusals import Refusal
from srbench.reports.terminal import summary
from tests.builders import RGB
from tests.reports.conftest import (
    BASE,
    BASE_WORDS,
    FILES,
    HR,
    LR,
    ON_FILES,
    OTHER,
    OTHER_WORDS,
    SET5,
    Outcome,
    cell,
    imaged,
    means,
    psnr,
    row,
    shown,
)

MADE = replace(ON_FILES, lr=replace(FILES, files=False), lr_sha256=None)
OTHER_LR = "c" * 64
ON_RGB = replace(ON_FILES, protocol=RGB)
ONE_FILE, ONE_RGB = (replace(one, images=1) for one in (ON_FILES, ON_RGB))


def on(lr: str | None, *recognised: str, hr: str | None = HR) -> Certificate:
    """Of LR files of these pixels, in which these resizers are recognised."""
    return replace(ON_FILES, lr=replace(FILES, recognised=recognised or None), hr_sha256=hr, lr_sha256=lr)


def columns_of(build, *certificates: Certificate) -> list[float | None]:
    """PSNR of the models m0, m1, … in the table, 30, 31, …; None where it is refused."""
    for number, certificate in enumerate(certificates):
        build.run(f"m{number}", hashed=f"{number}", left=imaged(certificate, set5=[30.0 + number]))
    return means(build.report())


def test_lr_files_of_other_pixels_are_refused_by_the_name_of_their_resizer(build):
    matlab, pillow = on(LR, "matlab-replicate"), on(OTHER_LR, "pil-bicubic")
    assert columns_of(build, matlab, pillow, matlab) == [30, None, 32]
    own = f"y (luma, border scale), 1 images (LR: file by pil-bicubic), HR {HR[:12]}, LR {OTHER_LR[:12]}"
    held = f"y (luma, border scale), 1 images (LR: file by matlab-replicate), HR {HR[:12]}, LR {LR[:12]}"
    report = build.report()
    assert report.refusals == (Refusal(1, "set5", f"scored by {own}; this column holds {held}"),)
    assert f"set5: scored by {own}; this column holds {held}" in summary(report).splitlines()


def test_hr_of_other_pixels_is_refused(build):
    assert columns_of(build, on(LR), on(LR), on(LR, hr="d" * 64)) == [30, 31, None]


def test_another_number_of_images_is_refused(build):
    build.run("m0", hashed="0", left=imaged(set5=[30.0, 30.0]))
    build.run("m1", hashed="1", left=imaged(set5=[31.0, 31.0]))
    build.run("m2", hashed="2", left=imaged(set5=[32.0]))
    assert means(build.report()) == [30, 31, None]


def test_equal_pixels_are_equal_lr_whatever_was_recognised_in_them(build):
    assert columns_of(build, on(LR), on(LR, "matlab-replicate"), on(LR, "pil-bicubic")) == [30, 31, 32]


def test_without_digests_the_recognised_resizer_decides(build):
    names = ("pil-bicubic", "matlab-replicate", "matlab-replicate")
    assert columns_of(build, *(on(None, name, hr=None) for name in names)) == [None, 31, 32]


def test_lr_that_was_made_does_not_share_a_column_with_files(build):
    assert columns_of(build, ON_FILES, MADE, ON_FILES) == [30, None, 32]


def test_the_first_of_two_protocols_that_as_many_runs_have_holds_the_column(build):
    assert columns_of(build, ON_FILES, ON_RGB) == [30, None]


def test_a_self_ensemble_does_not_share_a_column_with_single_outputs(build):
    ensemble = replace(ON_FILES, inference=replace(ON_FILES.inference, self_ensemble=True))
    assert columns_of(build, ON_FILES, ensemble, ON_FILES) == [30, None, 32]


def test_each_scale_has_a_column_of_its_own(build):
    for scale, certificate in ((2, ON_FILES), (2, ON_FILES), (4, MADE)):
        number = len(build.study().runs)
        build.run(f"m{number}", scale=scale, hashed=f"{number}", left=imaged(certificate, set5=[30.0 + number]))
    assert means(build.report()) == [30, 31, 32]


def test_a_run_in_two_ablations_counts_once(build):
    both = (BASE, Membership("se", "none", True))
    build.run("m0", *both, hashed="0", left=imaged(MADE, set5=[30.0]))
    for number in (1, 2):
        build.run(f"m{number}", BASE, hashed=f"{number}", left=imaged(ON_FILES, set5=[30.0 + number]))
    build.run("m3", *both, hashed="3", left=imaged(MADE, set5=[33.0]))
    build.run("m4", BASE, hashed="4", left=imaged(ON_FILES, set5=[34.0]))
    assert means(build.report()) == [None, 31, 32, None, 34, None, None]


# The bicubic row


def test_with_one_network_the_bicubic_row_does_not_refuse_its_scores(build):
    build.run("bicubic", hashed="0", left=imaged(MADE, set5=[33.0]))
    build.run("carn", hashed="1", left=imaged(ON_FILES, set5=[37.0]))
    assert means(build.report()) == [None, 37]


def test_bicubic_rows_do_not_outvote_a_network(build):
    for seed in range(3):
        build.run("bicubic", seed=seed, hashed=f"{seed}", left=imaged(MADE, set5=[33.0]))
    build.run("carn", hashed="9", left=imaged(ON_FILES, set5=[37.0]))
    assert means(build.report()) == [None, 37]


def test_a_bicubic_row_on_other_pixels_is_refused_with_the_reason(build):
    build.run("bicubic", hashed="0", left=imaged(MADE, set5=[33.0]))
    build.run("carn", hashed="1", left=imaged(ON_FILES, set5=[37.0]))
    report = build.report()
    (section,) = report.sections
    (note,) = cell(section, section.groups[0][0], SET5).notes
    assert note == (
        f"scored by y (luma, border scale), 1 images (LR: matlab-symmetric), HR {HR[:12]}; "
        f"this column holds y (luma, border scale), 1 images (LR: file), HR {HR[:12]}, LR {LR[:12]}"
    )


def test_where_there_is_no_network_the_bicubic_row_keeps_its_scores(build):
    build.run("bicubic", hashed="0", left=imaged(MADE, set5=[33.0]))
    assert means(build.report()) == [33]


# What follows from it


def test_seeds_under_two_protocols_are_not_averaged(build):
    for seed, certificate in enumerate((ON_FILES, ON_RGB)):
        build.run("espcn", seed=seed, hashed=f"{seed}", left=imaged(certificate, set5=[36.0]))
    report = build.report()
    assert means(report) == [None]
    (refusal,) = report.refusals
    luma, rgb = (str(certificate) for certificate in (ONE_FILE, ONE_RGB))
    assert refusal.reason == f"scored by {luma} and {rgb}; this column holds {luma}"


def test_only_the_data_set_on_other_pixels_is_refused(build):
    both = {"set5": {"psnr": 37.0}, "b100": {"psnr": 31.0}}
    build.run("m0", hashed="0", left=Outcome(both))
    build.run("m1", hashed="1", left=Outcome(both))
    odd = {"certificates": {"set5": ON_FILES, "b100": ON_RGB}}
    build.run("m2", hashed="2", left=Outcome(both, facts=odd))
    report = build.report()
    assert means(report) == [37, 37, 37]
    assert means(report, ScoreColumn("b100", "psnr")) == [31, 31, None]


def test_a_refused_score_has_no_delta_and_the_reason_stands_at_both(build):
    build.run("carn", BASE, words=BASE_WORDS, hashed="0", left=imaged(ON_FILES, set5=[37.0]))
    build.run("carn", OTHER, words=OTHER_WORDS, hashed="1", left=imaged(ON_RGB, set5=[35.0]))
    figures = psnr(build.report(), "1-2-1")
    assert (figures.mean, figures.delta) == (None, None)
    assert figures.reason == figures.delta_reason == f"scored by {ONE_RGB}; this column holds {ONE_FILE}"


def test_a_delta_to_a_refused_baseline_names_the_baselines_reason(build):
    three = imaged(set5=[37.0, 38.0, 39.0])
    build.run("carn", BASE, words=BASE_WORDS, hashed="0", left=imaged(set5=[37.0, 38.0]))
    build.run("carn", OTHER, words=OTHER_WORDS, hashed="1", left=three)
    words = {"1-1": ("model.atrous=[1,1]",), "2-4": ("model.atrous=[2,4]",)}
    build.run("mossnet", Membership("atrous", "1-1", True), words=words["1-1"], hashed="2", left=three)
    build.run("mossnet", Membership("atrous", "2-4", False), words=words["2-4"], hashed="3", left=three)
    report = build.report()
    own, held = (replace(ON_FILES, images=count) for count in (2, 3))
    figures = psnr(report, "1-2-1")
    assert figures.mean == 38
    assert figures.delta_reason == f"its baseline: scored by {own}; this column holds {held}"
    assert psnr(report, "2-4", "mossnet").delta == 0
    assert figures.delta_reason in to_markdown(report)


def test_where_a_run_and_its_baseline_are_refused_its_own_reason_stands(build):
    build.run("carn", BASE, words=BASE_WORDS, hashed="0", left=imaged(MADE, set5=[37.0]))
    build.run("carn", OTHER, words=OTHER_WORDS, hashed="1", left=imaged(ON_RGB, set5=[35.0]))
    for number in range(2):
        build.run(f"m{number}", hashed=f"m{number}", left=imaged(ON_FILES, set5=[30.0]))
    assert psnr(build.report(), "1-2-1").delta_reason == f"scored by {ONE_RGB}; this column holds {ONE_FILE}"


def test_a_failed_run_takes_no_part(build):
    for number in range(2):
        left = imaged(MADE, set5=[30.0]).with_facts(status="failed")
        build.run(f"m{number}", hashed=f"{number}", left=left)
    build.run("m2", hashed="2", left=imaged(ON_FILES, set5=[32.0]))
    report = build.report()
    assert report.refusals == ()
    assert row(report, model="m2").scores[SET5].mean == 32


# Tiles


@pytest.fixture
def tiled(build):
    """Two networks on two data sets, the first one's images of set14 in tiles."""
    scores = {"set5": {"psnr": 37.0}, "set14": {"psnr": 33.0}}
    facts = {"certificates": {"set5": ON_FILES, "set14": replace(ON_FILES, tiled=True, images=14)}}
    build.run("carn", hashed="0", left=Outcome(scores, facts=facts))
    build.run("mossnet", hashed="1", left=Outcome(scores))
    return build.report()


def test_a_score_of_a_set_run_in_tiles_is_marked(tiled):
    (section,) = tiled.sections
    ((carn, mossnet),) = section.groups
    set14 = ScoreColumn("set14", "psnr")
    assert cell(section, carn, set14).notes == ("run in tiles",)
    others = [(carn, SET5), (mossnet, SET5), (mossnet, set14)]
    assert [cell(section, cells, of).notes for cells, of in others] == [(), (), ()]


def test_tiles_that_somebody_chose_are_told_with_their_size(build):
    on = replace(ON_FILES, tiled=True, inference=Inference(tile=64, overlap=0))
    build.run("carn", left=Outcome({"set5": {"psnr": 37.0}}, on=on))
    (section,) = build.report().sections
    ((carn,),) = section.groups
    assert cell(section, carn, SET5).notes == ("run in tiles of 64 pixels of LR that overlap by 0",)


def test_tiles_refuse_nobody(tiled):
    (section,) = tiled.sections
    assert shown(section, ScoreColumn("set14", "psnr")) == [[["33.00"], ["33.00"]]]
