"""The report as a value: what others build their pages from."""

from tests.reports.conftest import ON_FILES, failed, scored


def test_scores_are_long_and_each_has_its_certificate(build):
    first = build.run("carn", hashed="0", left=scored(37.0, 0.95))
    second = build.run("mossnet", hashed="1", left=scored(36.0))
    scores = build.report().scores
    assert scores.columns.tolist() == ["run", "dataset", "metric", "value", "certificate"]
    assert scores.to_numpy().tolist() == [
        [first, "set5", "psnr", 37.0, ON_FILES],
        [first, "set5", "ssim", 0.95, ON_FILES],
        [second, "set5", "psnr", 36.0, ON_FILES],
    ]


def test_runs_are_counted_by_how_they_ended(build):
    for number, left in enumerate((scored(37.0), failed("no memory"), None, None)):
        build.run("carn", hashed=f"{number}", left=left)
    assert build.report().counts == {"done": 1, "failed": 1, "missing": 2}


def test_a_command_that_was_repeated_is_told_once(build):
    for hashed in ("0", "1"):
        build.run("carn", hashed=hashed)
    assert [name for name, _ in build.report().facts].count("command") == 1
