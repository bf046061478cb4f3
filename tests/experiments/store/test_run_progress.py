"""progress.json: what it says, when, and that nothing hangs on it."""

import pytest

from srbench.core import heartbeat
from srbench.experiments.store import run_progress
from srbench.experiments.store.run_progress import PROGRESS, RunProgress, noted_progress, read_progress
from tests.tiny_runs import HERE, quiet


@pytest.fixture
def clock(monkeypatch):
    """A list whose last number is the time."""
    seconds = [100.0]
    monkeypatch.setattr(run_progress.time, "monotonic", lambda: seconds[-1])
    return seconds


def test_a_rate_is_that_of_the_last_minute(tmp_path, clock):
    heard = []
    with noted_progress(tmp_path, lambda *told: heard.append(told)) as tell:
        tell("train", "loss 0.5", 1, 500)
        assert read_progress(tmp_path) == RunProgress("train", "loss 0.5", 1, 500, None)
        for second in range(1, 121):  # one step a second, then two
            clock.append(100.0 + second)
            tell("train", "loss 0.4", min(second, 60) + 2 * max(0, second - 60), 500)
        told = read_progress(tmp_path)
        assert told is not None
        assert told.done == 60 + 2 * 60
        assert told.rate == pytest.approx(2.0, rel=0.06)
        assert told.seconds_left == pytest.approx(320 / told.rate)
    assert len(heard) == 121
    assert not (tmp_path / PROGRESS).exists()


def test_another_part_is_told_at_once_and_has_a_rate_of_its_own(tmp_path, clock):
    with noted_progress(tmp_path, quiet) as tell:
        tell("train", "loss 0.5", 1, 500)
        tell("train", "loss 0.4", 2, 500)  # too soon after the first
        assert read_progress(tmp_path).done == 1
        tell("score", "evaluates val", 3, 8)
        assert read_progress(tmp_path) == RunProgress("score", "evaluates val", 3, 8, None)


@pytest.mark.parametrize("content", [b"", b"{", b"[1]", b'{"part": "train"}', b'{"part": "x"}', b"[" * 100_000])
def test_what_is_no_progress_is_none(tmp_path, content):
    (tmp_path / PROGRESS).write_bytes(content)
    assert read_progress(tmp_path) is None


def test_what_a_killed_process_left_is_removed_before_anything_is_told(tmp_path):
    (tmp_path / PROGRESS).write_text('{"part": "train", "stage": "", "done": 1, "total": 2, "rate": 1.0}')
    with noted_progress(tmp_path, quiet):
        assert read_progress(tmp_path) is None


def test_a_disk_that_takes_nothing_costs_no_run(tmp_path):
    heard = []
    with noted_progress(tmp_path / "gone", lambda *told: heard.append(told)) as tell:
        tell("train", "loss 0.5", 1, 2)
    assert heard == [("train", "loss 0.5", 1, 2)]


def test_a_run_says_how_far_it_is_while_it_works(carn):
    from srbench.experiments.run import run

    found = []

    def hear(part, stage, done, total):
        found.append((part, read_progress(spec.folder)))

    spec = carn("budget.steps=3")
    run(spec, HERE, hear)
    parts = [part for part, _ in found]
    assert parts[0] == "train"
    assert set(parts) >= {"train", "score"}
    assert all(told is not None and told.part == part for part, told in found)
    assert not (spec.folder / PROGRESS).exists()
    assert not any(path.name.startswith((".", "heartbeat")) for path in spec.folder.iterdir())
    assert heartbeat.BEAT_SECONDS == run_progress.WRITTEN_SECONDS
