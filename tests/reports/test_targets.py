"""Time to target, from what trainings found when they validated."""

from srbench.experiments.store.record import StageRecord, Training, TrainingData
from srbench.reports.targets import reached_targets
from tests.reports.conftest import BASE, OTHER, Outcome

STAGE = StageRecord(
    name="pixel",
    steps=300,
    batch_size=8,
    hr_patch=64,
    steps_per_second=10.0,
    data_wait=0.0,
    final_loss=0.02,
    sessions=(),
    training_data=TrainingData("photos", 3, "aa"),
)


def trained(build, place, psnr: list[float], seed: int = 0, model: str = "carn") -> None:
    """Validated every 100 steps."""
    train = Training(steps=300, steps_per_second=10.0, stages=(STAGE,))
    places = (place,) if place else ()
    left = Outcome({"val": {"psnr": psnr[-1]}}).with_facts(train=train)
    name = build.run(model, *places, seed=seed, hashed=f"{model}{place and place.variant}{seed}", left=left)
    lines = "".join(f"pixel,{100 * number},{value}\n" for number, value in enumerate(psnr, 1))
    (build.folder / name / "validation.csv").write_text(f"stage,step,psnr\n{lines}")


def figures(build) -> dict[str, tuple]:
    return {one.row.label: (one.target, one.steps, one.seconds) for one in reached_targets(build.report().rows)}


def test_a_variant_that_learns_faster_reaches_its_baseline_s_end_earlier(build):
    trained(build, BASE, [30, 31, 32])
    trained(build, OTHER, [31, 32.5, 33])
    assert figures(build) == {"1-1-1": (32, 300, 30.0), "1-2-1": (32, 200, 20.0)}


def test_one_that_never_gets_there_has_no_figure_and_says_so(build):
    trained(build, BASE, [30, 31, 32])
    trained(build, OTHER, [29, 30, 31])
    assert figures(build)["1-2-1"] == (32, None, None)
    (group,) = build.report().targets.groups
    assert [(cell.text, cell.notes) for cell in group[1][4:6]] == [("–", ("a seed has not reached it",))] * 2


def test_each_seed_has_the_target_of_its_own_baseline(build):
    for seed, more in ((0, 0), (1, 2)):
        trained(build, BASE, [30 + more, 31 + more, 32 + more], seed)
        trained(build, OTHER, [32 + more, 33 + more, 34 + more], seed)
    assert figures(build) == {"1-1-1": (33, 300, 30.0), "1-2-1": (33, 100, 10.0)}


def test_outside_ablations_the_lowest_end_is_the_target(build):
    trained(build, None, [30, 31, 32], model="carn")
    trained(build, None, [31, 33, 34], model="mossnet")
    assert figures(build) == {"carn": (32, 300, 30.0), "mossnet": (32, 200, 20.0)}


def test_a_training_that_was_validated_once_says_nothing(build):
    trained(build, BASE, [32])
    trained(build, OTHER, [33])
    assert build.report().targets is None


def test_a_damaged_file_stops_no_report(build):
    trained(build, BASE, [30, 31, 32])
    trained(build, OTHER, [31, 32.5, 33])
    for file in build.folder.glob("*/validation.csv"):
        file.write_bytes(b"stage,step\xff,psnr\npixel,1")
    assert build.report().targets is None
