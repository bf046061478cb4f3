"""The verdicts on claims, from records and plans on disk."""

from dataclasses import replace
from typing import Any

import pytest
from scipy.stats import ttest_1samp

from srbench.data.lr_source import DegradationStep
from srbench.experiments.store.plans import new_plan, write_plan
from srbench.experiments.store.record import Membership, StageRecord, Training, TrainingData
from srbench.experiments.store.stated_claims import StatedClaim, StatedComparison
from srbench.metrics.figures import Cost, Latency, Routing
from srbench.reports.claims import JudgedClaim
from srbench.reports.latex import to_latex
from srbench.reports.markdown import to_markdown
from srbench.reports.terminal import summary
from tests.builders import RGB
from tests.reports.conftest import FIXED, ON_FILES, STEPS, Builder, Outcome, failed, imaged

DATA = TrainingData("photos", 3, "a" * 64)
WIDE, NARROW = Membership("atrous", "wide", False), Membership("atrous", "narrow", True)


def stage(steps: int, full: int | None, name: str = "main", loss: float = 0.5) -> StageRecord:
    about = {"steps_per_second": 1.0, "data_wait": 0.0, "sessions": (), "training_data": DATA}
    return StageRecord(name, steps, 8, 64, final_loss=loss, full_steps=full, **about)


def ended(loss: float, steps: int = STEPS, full: int | None = STEPS) -> Outcome:
    """Of a run that was trained for so many of its recipe's steps."""
    return Outcome(facts={"train": Training(steps=steps, final_loss=loss, stages=(stage(steps, full),))})


def claimed(
    build: Builder, *decides: StatedComparison, ablation: str = "atrous", of_sweep: bool = False
) -> JudgedClaim:
    """The claim as the report judges it."""
    claim = StatedClaim("width", ablation, of_sweep, "Width helps", "a paper", decides)
    write_plan(build.folder, new_plan("mine", "a command", {}, [claim], {}))
    (judged,) = build.report().claims
    return judged


def compared(
    direction: Any = "lower", metric: str = "final_loss", margin: float | None = 0.01, **more: Any
) -> StatedComparison:
    return StatedComparison(("wide", "narrow"), metric, direction, margin, **more)


def two(build: Builder, wide: Outcome, narrow: Outcome) -> None:
    build.run("carn", WIDE, hashed="a", left=wide)
    build.run("carn", NARROW, hashed="b", left=narrow)


def seeds(build: Builder, wide: list[float], narrow: list[float], full: int = STEPS) -> None:
    for place, losses in ((WIDE, wide), (NARROW, narrow)):
        for seed, loss in enumerate(losses):
            build.run("carn", place, seed=seed, hashed=f"{place.variant}{seed}", left=ended(loss, full=full))


# Losses


@pytest.mark.parametrize(
    ("wide", "direction", "verdict"),
    [
        (0.48, "lower", "reproduced"),
        (0.52, "lower", "contradicted"),
        (0.495, "lower", "undecided at this budget"),
        (0.505, "lower", "undecided at this budget"),
        (0.52, "higher", "reproduced"),
        (0.505, "equal", "reproduced"),
        (0.52, "equal", "contradicted"),
    ],
)
def test_of_one_seed_the_margin_decides(build, wide, direction, verdict):
    two(build, ended(wide), ended(0.5))
    judged = claimed(build, compared(direction))
    (one,) = judged.comparisons
    assert (judged.verdict, one.found.low) == (verdict, None)
    assert one.found.remarks == ("no interval: one seed",)


def test_of_one_seed_that_was_trained_for_less_than_its_recipe_says_nothing_is_decided(build):
    two(build, ended(0.1, full=2 * STEPS), ended(0.5))
    judged = claimed(build, compared())
    assert judged.verdict == "undecided at this budget"
    assert judged.comparisons[0].shortened == "at 3,000 of 6,000 steps"


@pytest.mark.parametrize(
    ("wide", "direction", "verdict"),
    [
        ([0.40, 0.41, 0.42], "lower", "reproduced"),
        ([0.60, 0.61, 0.62], "lower", "contradicted"),
        ([0.51, 0.52, 0.53], "lower", "contradicted"),  # lower by less than counts
        ([0.30, 0.52, 0.60], "lower", "undecided at this budget"),
        ([0.520, 0.531, 0.540], "equal", "reproduced"),
        ([0.40, 0.41, 0.42], "equal", "contradicted"),
        ([0.30, 0.52, 0.80], "equal", "undecided at this budget"),
    ],
)
def test_of_several_seeds_the_interval_decides_whatever_the_budget(build, wide, direction, verdict):
    seeds(build, wide, [0.52, 0.53, 0.54], full=100 * STEPS)
    assert claimed(build, compared(direction, margin=0.011)).verdict == verdict


def test_the_interval_of_a_loss_is_students_over_the_seeds_in_pairs(build):
    wide, narrow = [0.40, 0.45, 0.42], [0.50, 0.53, 0.56]
    seeds(build, wide, narrow)
    (one,) = claimed(build, compared()).comparisons
    expected = ttest_1samp([a - b for a, b in zip(wide, narrow, strict=True)], 0).confidence_interval()
    assert (one.found.low, one.found.high) == pytest.approx((expected.low, expected.high))
    assert one.found.value == pytest.approx(sum(wide) / 3 - sum(narrow) / 3)


def test_seeds_that_only_one_of_them_has_do_not_count(build):
    seeds(build, [0.40, 0.45, 9.0], [0.50, 0.53])
    (one,) = claimed(build, compared()).comparisons
    assert one.found.first == pytest.approx(0.425)


def test_of_unequal_lengths_the_losses_are_compared_where_the_shorter_ends(build):
    build.run("carn", NARROW, hashed="b", left=ended(0.5, steps=1000, full=1000))
    long = build.run("carn", WIDE, hashed="a", left=ended(0.1, steps=2000, full=2000))
    build.write_losses(long, {"main": [0.7] * 98 + [0.4] * 2 + [0.1] * 100})
    judged = claimed(build, compared())
    (one,) = judged.comparisons
    assert (judged.verdict, one.found.first, one.found.second) == ("reproduced", pytest.approx(0.4), 0.5)
    assert "after 1,000 steps, where the shorter ends" in one.found.remarks


def test_a_longer_run_without_its_losses_is_not_compared_with_a_shorter(build):
    two(build, ended(0.1, steps=2000, full=2000), ended(0.5, steps=1000, full=1000))
    judged = claimed(build, compared())
    assert judged.verdict == "not compared"
    assert judged.comparisons[0].reason.startswith("the losses of carn-wide-")


def test_of_one_seed_without_a_margin_nothing_is_decided(build):
    two(build, ended(0.1), ended(0.5))
    assert claimed(build, compared(margin=None)).verdict == "undecided at this budget"


@pytest.mark.parametrize(
    ("wide", "narrow"),
    [
        (("recipe/loss=l1",), ("recipe/loss=l2",)),
        (("recipe.loss.fft.weight=0.1",), ()),
        (("recipe=gan",), ()),
        (("recipe.stages.main.adversarial.weight=0.1",), ()),
        (("recipe/loss@recipe.stages.main.loss=l2",), ()),
    ],
)
def test_final_losses_of_overrides_that_change_the_loss_are_not_compared(build, wide, narrow):
    build.run("carn", WIDE, hashed="a", words=wide, left=ended(0.1))
    build.run("carn", NARROW, hashed="b", words=narrow, left=ended(0.5))
    judged = claimed(build, compared())
    assert judged.verdict == "not compared"
    told = wide[0].replace("/loss@recipe.stages.main.loss", ".stages.main.loss")
    assert judged.comparisons[0].reason.startswith(f"final_loss: the losses themselves may differ by {told}")


@pytest.mark.parametrize(
    "word",
    [
        "recipe.optimizer.lr=0.1",
        "recipe/schedule=cosine",
        "recipe.stages.main.full.steps=9",
        "recipe.stages.pre.loss=x",
    ],
)
def test_other_factors_of_a_recipe_leave_the_loss_the_same(build, word):
    build.run("carn", WIDE, hashed="a", words=(word,), left=ended(0.1))
    build.run("carn", NARROW, hashed="b", left=ended(0.5))
    assert claimed(build, compared()).verdict == "reproduced"


def test_final_losses_of_stages_by_other_names_are_not_compared(build):
    other = Training(steps=STEPS, final_loss=0.1, stages=(stage(STEPS, STEPS, "gan"),))
    two(build, Outcome(facts={"train": other}), ended(0.5))
    judged = claimed(build, compared())
    assert judged.verdict == "not compared"
    assert judged.comparisons[0].reason == "final_loss: of other stages, gan and main"


def test_final_losses_with_other_parts_are_not_compared(build):
    wide = build.run("carn", WIDE, hashed="a", left=ended(0.1))
    narrow = build.run("carn", NARROW, hashed="b", left=ended(0.5))
    for run, part in ((wide, "l1"), (narrow, "fft")):
        header = f"stage,step,epoch,loss,{part},gradient_norm\n"
        (build.folder / run / "losses.csv").write_text(f"{header}main,10,1,0.5,0.2,1.0\n")
    judged = claimed(build, compared())
    assert judged.verdict == "not compared"
    assert judged.comparisons[0].reason.startswith("final_loss: of losses with other parts, ")


# Scores

PSNR = compared("higher", "set5.psnr", 0.1)


@pytest.mark.parametrize(
    ("wide", "verdict"),
    [
        ([30.5, 31.5, 32.5, 33.6], "reproduced"),
        ([30.01, 31.0, 32.0, 33.0], "contradicted"),
        ([29.0, 32.0, 31.0, 35.0], "undecided at this budget"),
    ],
)
def test_the_interval_of_a_score_is_over_the_images_in_pairs(build, wide, verdict):
    narrow = [30.0, 31.0, 32.0, 33.0]
    two(build, imaged(set5=wide), imaged(set5=narrow))
    judged = claimed(build, PSNR)
    expected = ttest_1samp([a - b for a, b in zip(wide, narrow, strict=True)], 0).confidence_interval()
    (one,) = judged.comparisons
    assert judged.verdict == verdict
    assert (one.found.low, one.found.high) == pytest.approx((expected.low, expected.high))
    assert one.found.remarks == ("one seed: the noise of training is not in the interval",)


def trained(steps: int, full: int, psnr: list[float]) -> Outcome:
    about = Training(steps=steps, final_loss=0.5, stages=(stage(steps, full),))
    return imaged(set5=psnr).with_facts(train=about)


@pytest.mark.parametrize("other", ["trained", "fixed"])
def test_one_seed_trained_for_less_than_the_recipe_says_decides_no_score(build, other):
    narrow = trained(100, 200, [30.0, 31.0, 32.0]) if other == "trained" else imaged(set5=[30.0, 31.0, 32.0])
    narrow = narrow if other == "trained" else narrow.with_facts(train=FIXED)
    two(build, trained(100, 200, [36.0, 37.1, 38.0]), narrow)
    judged = claimed(build, PSNR)
    (one,) = judged.comparisons
    assert (judged.verdict, one.shortened) == ("undecided at this budget", "at 100 of 200 steps")
    assert one.found.low > 5


def test_several_seeds_and_weights_that_are_only_evaluated_decide_a_score(build):
    for seed in range(3):
        build.run("carn", WIDE, seed=seed, hashed=f"w{seed}", left=trained(100, 200, [36.0, 37.1 + seed / 100, 38.0]))
        build.run("carn", NARROW, seed=seed, hashed=f"n{seed}", left=trained(100, 200, [30.0, 31.0, 32.0]))
    assert claimed(build, PSNR).verdict == "reproduced"
    for place, psnr in ((WIDE, 36.0), (NARROW, 30.0)):
        build.run("carn_m", place, left=imaged(set5=[psnr, psnr + 1, psnr + 2.1]).with_facts(train=FIXED))
    assert [one.verdict for one in claimed(build, PSNR).comparisons] == ["reproduced"] * 2


def test_scores_under_another_protocol_are_not_compared(build):
    build.run("carn", Membership("atrous", "third", False), hashed="c", left=imaged(set5=[30.0, 31.0]))
    two(build, imaged(replace(ON_FILES, protocol=RGB), set5=[31.0, 32.0]), imaged(set5=[30.0, 31.0]))
    judged = claimed(build, PSNR)
    assert judged.verdict == "not compared"
    assert judged.comparisons[0].reason.startswith("set5.psnr of wide: scored by rgb")


def test_scores_on_other_lr_are_not_compared(build):
    noisy = replace(ON_FILES, lr=replace(ON_FILES.lr, steps=(DegradationStep("noise", {"sigma": 0.1}),)))
    two(build, imaged(noisy, set5=[31.0, 32.0]), imaged(set5=[30.0, 31.0]))
    judged = claimed(build, PSNR)
    assert judged.comparisons[0].reason.startswith("set5.psnr: scored by ")


def test_a_seed_that_lacks_the_score_does_not_count(build):
    for seed, psnr in enumerate((31.0, 32.0)):
        build.run("carn", NARROW, seed=seed, hashed=f"n{seed}", left=imaged(set5=[30.0, *[psnr] * 4]))
    build.run("carn", WIDE, seed=0, hashed="w0", left=imaged(set5=[31.0, *[32.0] * 4]))
    build.run("carn", WIDE, seed=1, hashed="w1", left=Outcome({"set5": {"ssim": 0.9}}))
    (one,) = claimed(build, PSNR).comparisons
    assert (one.found.first, one.found.second) == pytest.approx((31.8, 30.8))


def test_a_score_of_no_common_seed_is_missing(build):
    build.run("carn", NARROW, seed=0, hashed="n0", left=Outcome({"set5": {"ssim": 0.9}}))
    build.run("carn", NARROW, seed=1, hashed="n1", left=imaged(set5=[30.0] * 5))
    build.run("carn", WIDE, seed=0, hashed="w0", left=imaged(set5=[31.0] * 5))
    judged = claimed(build, PSNR)
    assert judged.comparisons[0].reason == "set5.psnr: wide and narrow have it of no seed in common"


def test_without_the_scores_of_the_images_there_is_no_interval(build):
    two(build, Outcome({"set5": {"psnr": 31.0}}), Outcome({"set5": {"psnr": 30.0}}))
    judged = claimed(build, PSNR)
    assert (judged.verdict, judged.comparisons[0].found.low) == ("reproduced", None)
    assert judged.comparisons[0].found.remarks == ("no interval: the scores of its images are missing",)


def test_other_images_have_no_interval(build):
    two(build, imaged(set5=[31.0, 32.0, 33.0]), imaged(set5=[30.0, 31.0]))
    on = {"certificates": {"set5": ON_FILES}}
    build.run("carn", WIDE, hashed="a", left=imaged(set5=[31.0, 32.0, 33.0]).with_facts(**on))
    build.run("carn", NARROW, hashed="b", left=imaged(set5=[30.0, 31.0]).with_facts(**on))
    (one,) = claimed(build, PSNR).comparisons
    assert one.found.remarks == ("no interval: they have not the same images",)


# Costs


def costing(params: int) -> Outcome:
    return Outcome(facts={"cost": Cost(params=params, params_frozen=0, params_dead=0, flops_720p=None)})


@pytest.mark.parametrize(
    ("wide", "comparison", "verdict"),
    [
        (499, compared("lower", "params", None, relative=0.5), "reproduced"),
        (501, compared("lower", "params", None, relative=0.5), "contradicted"),
        (1001, compared("higher", "params", None), "reproduced"),
        (1000, compared("higher", "params", None), "contradicted"),
        (1000, compared("equal", "params", None), "reproduced"),
        (1001, compared("equal", "params", None), "contradicted"),
    ],
)
def test_a_cost_is_exact(build, wide, comparison, verdict):
    two(build, costing(wide), costing(1000))
    assert claimed(build, comparison).verdict == verdict


def test_a_cost_that_was_not_measured_is_missing(build):
    two(build, costing(10), costing(20))
    judged = claimed(build, compared("lower", "latency_ms"))
    assert judged.comparisons[0].reason == "latency_ms of wide: not measured"


def timed(low: float, median: float, high: float, **changes: Any) -> Outcome:
    found = Latency(1, 256, 256, median, low, high, 1, "cpu", "channels_last")
    return Outcome(facts={"latency": (replace(found, **changes),)})


@pytest.mark.parametrize(
    ("wide", "verdict"),
    [
        ((30, 31, 32), "reproduced"),
        ((30, 31, 40), "undecided at this budget"),  # faster in the median, but not in every tenth pass
        ((48, 50, 52), "contradicted"),
    ],
)
def test_a_latency_is_as_certain_as_its_quantiles(build, wide, verdict):
    two(build, timed(*wide), timed(38, 40, 42))
    judged = claimed(build, compared("lower", "latency_ms", None, relative=0.02))
    (one,) = judged.comparisons
    assert judged.verdict == verdict
    assert (one.found.low, one.found.high) == (wide[0] - 42, wide[2] - 38)
    assert f"{wide[1]}.0 ms against 40.0 ms: " in summary(build.report())


@pytest.mark.parametrize("change", [{"device": "H100"}, {"threads": 2}, {"height": 128}, {"width": 128}])
def test_latencies_under_other_conditions_are_not_compared(build, change):
    two(build, timed(30, 31, 32, **change), timed(38, 40, 42))
    judged = claimed(build, compared("lower", "latency_ms", None))
    assert judged.verdict == "not compared"
    assert judged.comparisons[0].reason.startswith("latency_ms: measured on ")
    assert "cpu with 1 thread, 256×256" in judged.comparisons[0].reason


def routed(flops: float, steps: int = STEPS, dataset: str = "val", device: str = "cpu") -> Outcome:
    found = Routing({"0": (1, 1)}, flops, 8e6, 2 * flops, 16e6, 1.0, 2.0, 1, 1, device)
    about = Training(steps=steps, final_loss=0.5, stages=(stage(steps, STEPS),))
    return Outcome(facts={"routing": {dataset: found}, "train": about})


@pytest.mark.parametrize(
    ("wide", "steps", "verdict"),
    [
        (4e6, STEPS, "reproduced"),
        (7.5e6, STEPS, "undecided at this budget"),
        (9e6, STEPS, "contradicted"),
        (4e6, STEPS // 2, "undecided at this budget"),
    ],
)
def test_a_cost_as_routed_depends_on_the_training(build, wide, steps, verdict):
    two(build, routed(wide, steps), routed(8e6))
    assert claimed(build, compared("lower", "flops_routed", None, relative=0.1)).verdict == verdict
    assert f"{wide / 1e6:.2f} M against 8.00 M: {wide / 1e6 - 8:+.3g}".replace("-", "−") in summary(build.report())


def test_of_several_seeds_costs_as_routed_have_an_interval(build):
    for seed, flops in enumerate((4e6, 4.1e6, 4.2e6)):
        build.run("carn", WIDE, seed=seed, hashed=f"w{seed}", left=routed(flops, STEPS // 2))
        build.run("carn", NARROW, seed=seed, hashed=f"n{seed}", left=routed(8e6, STEPS // 2))
    judged = claimed(build, compared("lower", "flops_routed", None, relative=0.1))
    expected = ttest_1samp([-4e6, -3.9e6, -3.8e6], 0).confidence_interval()
    assert judged.verdict == "reproduced"
    assert judged.comparisons[0].found.high == pytest.approx(expected.high)


def test_costs_routed_on_other_images_and_times_on_other_devices_are_not_compared(build):
    two(build, routed(4e6, dataset="set5"), routed(8e6, device="H100"))
    on_images, _ = claimed(build, compared("lower", "flops_routed"), compared("lower", "time_routed_share")).comparisons
    assert on_images.reason == "flops_routed: measured on set5 and on val"
    two(build, routed(4e6), routed(8e6, device="H100"))
    (of_time,) = claimed(build, compared("lower", "time_routed_share", 0.1)).comparisons
    assert of_time.reason == "time_routed_share: measured on cpu with 1 thread and on H100 with 1 thread"


# Rows


def test_all_comparisons_must_hold_and_one_contradicts(build):
    two(build, ended(0.4), ended(0.5))
    build.run("carn", Membership("atrous", "third", False), hashed="c", left=ended(0.3))
    three = StatedComparison(("third", "wide", "narrow"), "final_loss", "lower", 0.01)
    judged = claimed(build, three, compared("higher"))
    assert [one.verdict for one in judged.comparisons] == ["reproduced", "reproduced", "contradicted"]
    assert judged.verdict == "contradicted"


@pytest.mark.parametrize(
    ("left", "reason"), [(failed("no memory"), "wide: failed: no memory"), (None, "wide: not run yet")]
)
def test_a_run_that_is_not_done_is_missing(build, left, reason):
    build.run("carn", WIDE, hashed="a", left=left)
    build.run("carn", NARROW, hashed="b", left=ended(0.5))
    judged = claimed(build, compared())
    assert (judged.verdict, judged.comparisons[0].reason) == ("not compared", reason)


def test_a_row_that_is_not_there_is_missing(build):
    build.run("carn", NARROW, hashed="b", left=ended(0.5))
    assert claimed(build, compared()).comparisons[0].reason == "there is no row wide"


def test_a_claim_of_variants_is_judged_of_every_model_and_scale(build):
    for model, scale, loss in (("carn", 2, 0.4), ("carn", 4, 0.4), ("carn_m", 2, 0.6)):
        build.run(model, WIDE, scale=scale, hashed="a", left=ended(loss))
        build.run(model, NARROW, scale=scale, hashed="b", left=ended(0.5))
    judged = claimed(build, compared())
    assert [(one.first, one.verdict) for one in judged.comparisons] == [
        ("carn ×2 wide ×2", "reproduced"),
        ("carn ×4 wide ×4", "reproduced"),
        ("carn_m ×2 wide ×2", "contradicted"),
    ]


def test_a_sweep_compares_models_and_tells_variants_apart_by_them(build):
    build.run("carn", hashed="a", left=ended(0.4))
    build.run("mossnet", hashed="b", left=ended(0.5))
    for model, loss in (("carn", 0.1), ("carn_m", 0.2)):
        build.run(model, Membership("se", "se", False), hashed=f"{model}c", left=ended(loss))
    of_models = StatedComparison(("carn:default", "mossnet"), "final_loss", "lower", 0.01)
    of_both = StatedComparison(("carn:se", "carn_m:se"), "final_loss", "lower", 0.01)
    judged = claimed(build, of_models, of_both, ablation="mine", of_sweep=True)
    assert [one.verdict for one in judged.comparisons] == ["reproduced", "reproduced"]


def test_a_name_of_several_rows_is_not_guessed(build):
    build.run("carn", hashed="a", left=ended(0.4))
    for number in range(2):
        build.run("mossnet", hashed=f"b{number}", words=(f"model.width={number}",), left=ended(0.5))
    judged = claimed(
        build, StatedComparison(("carn", "mossnet"), "final_loss", "lower"), ablation="mine", of_sweep=True
    )
    assert judged.comparisons[0].reason.startswith("2 rows are called mossnet")


# As people see them


def test_every_form_tells_the_verdict_with_the_numbers(build):
    seeds(build, [0.40, 0.42], [0.50, 0.53])
    claimed(build, compared(margin=0.0005))
    report = build.report()
    measured = "0.4100 against 0.5150: −0.105 [−0.169, −0.0415]"
    for text in (to_markdown(report), summary(report)):
        for part in ("Claims", "Width helps", "reproduced", "narrow by 0.0005", measured.partition(" [")[0]):
            assert part in text
    assert measured in summary(report)
    latex = to_latex(report)
    assert r"Width helps\textsuperscript{1} & reproduced & final\_loss: wide \textless{} narrow by 0.0005" in latex
    assert r"\textsuperscript{1} a paper." in latex


def test_a_cost_is_told_with_its_unit_and_as_a_share(build):
    two(build, costing(500_000), costing(1_000_000))
    claimed(build, compared("lower", "params", None, relative=0.4))
    assert "params: wide < narrow by 40 %" in summary(build.report())
    assert "500 K against 1,000 K: ×0.5" in summary(build.report())


def test_what_an_older_srbench_claimed_is_shown_without_a_verdict(build):
    for claim in ("Gates help", {"a claim": "in a mapping"}, "Gates help"):
        write_plan(build.folder, new_plan("mine", "a command", {}, [claim], {}))
    report = build.report()
    assert [(one.text, one.verdict) for one in report.claims] == [
        ("Gates help", None),
        ("{'a claim': 'in a mapping'}", None),
    ]
    assert "| Gates help |  | stated without a comparison |  |" in to_markdown(report)


def test_a_claim_that_was_stated_anew_counts_as_last_stated(build):
    two(build, ended(0.4), ended(0.5))
    claimed(build, compared("higher"))
    assert claimed(build, compared()).verdict == "reproduced"


def test_a_sweep_and_an_ablation_of_one_name_may_both_claim(build):
    two(build, ended(0.4), ended(0.5))
    claims = [
        StatedClaim("width", "atrous", of_sweep, text, "a paper", (compared(),))
        for of_sweep, text in ((True, "of a sweep"), (False, "of an ablation"))
    ]
    write_plan(build.folder, new_plan("mine", "a command", {}, claims, {}))
    assert [one.text for one in build.report().claims] == ["of a sweep", "of an ablation"]


def test_a_study_without_claims_has_no_section_of_them(build):
    two(build, ended(0.4), ended(0.5))
    assert "Claims" not in to_markdown(build.report())
