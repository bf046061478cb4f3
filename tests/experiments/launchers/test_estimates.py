"""What a dry run says that trainings will take: by hand, and by real ones."""

import pytest

from srbench.experiments.asked import Asked
from srbench.experiments.dry_run import show_plan
from srbench.experiments.inputs import wanted
from srbench.experiments.launchers import probe
from srbench.experiments.launchers.estimates import estimates, time_of_all
from srbench.experiments.launchers.probe import measured
from tests.tiny_runs import HERE, carried_out


def test_runs_begin_as_soon_as_one_of_the_others_has_ended():
    assert time_of_all([30.0, 10.0, 10.0, 5.0], 1) == 55
    assert time_of_all([30.0, 10.0, 10.0, 5.0], 2) == 30
    assert time_of_all([10.0, 10.0, 30.0], 2) == 40
    assert time_of_all([10.0], 4) == 10


@pytest.mark.parametrize(
    ("told", "seconds_a_step"),
    [
        ([(20, 1.0)], 20.0),  # one step and no more
        ([(3.0, 1), (5.0, 2)], 2.0),  # the first one is slow
        ([(3.0, 1), (3.5, 2), (4.0, 5), (4.5, 10), (8.0, 45)], 0.1),  # those of the first second are
    ],
)
def test_a_pace_is_that_after_the_first_steps(monkeypatch, told, seconds_a_step):
    now = [0.0]
    monkeypatch.setattr(probe.time, "perf_counter", lambda: now[0])
    pace = probe._Pace()
    for seconds, done in told:
        now[0] = float(seconds)
        try:
            pace.hear("", int(done), 1000)
        except probe._EnoughError:
            assert (seconds, done) == told[-1]
    assert pace.seconds_a_step == pytest.approx(seconds_a_step)


def test_a_training_is_ended_when_enough_is_known_of_it(carn, tmp_path):
    spec = carn("budget.steps=1000000")
    found = measured(spec, HERE, tmp_path / "scratch")
    assert 10**6 * 1e-4 < found.seconds < 10**6 * 5  # a step takes about 5 ms
    assert 10**8 < found.bytes < 10**10
    assert not spec.folder.exists()


def test_each_stage_is_measured_and_counts_as_long_as_it_is(carn, tmp_path, monkeypatch):
    asked = []

    def seconds(run, number, slot, scratch):
        asked.append(run.stages[number].name)
        return 10.0

    monkeypatch.setattr(probe, "_seconds", seconds)
    assert measured(carn("recipe=gan"), HERE, tmp_path).seconds == 20
    assert asked == ["pixel", "gan"]


def test_runs_that_train_alike_are_measured_once(carn):
    good, alike, other = carn("budget.steps=4"), carn("budget.steps=4", "seed=1"), carn("budget.steps=40")
    found = estimates([good, alike, other], [HERE])
    assert not found.interrupted
    assert found.by_run[good.folder.name] == found.by_run[alike.folder.name]
    assert found.by_run[good.folder.name] != found.by_run[other.folder.name]
    assert all(one.seconds > 0 and not one.reason for one in found.by_run.values())
    assert estimates([], []).by_run == {}


def test_what_is_done_is_no_more_in_it(carn, capsys):
    carried_out(carn())
    for words, told in [((), "done"), (("eval.metrics=[psnr,ssim]",), "trained")]:
        run = carn(*words)
        show_plan([Asked(run, wanted(run), 1234)], [HERE])
        (line,) = [line for line in capsys.readouterr().out.splitlines() if line.startswith("carn-")]
        assert line.split() == [run.folder.name, "1,234", "2", told, "–"]
