"""The comparison of two files of a benchmark, on numbers that are made up: what it names, and how often it errs."""

import json
import subprocess
import sys
from dataclasses import replace
from math import exp, log
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import ttest_ind

from benchmarks.compare import interval, verdicts
from benchmarks.measured import Machine, Measured, Measurement, read_measured
from srbench.core.errors import UserError
from srbench.core.files import write_file
from srbench.experiments.store.codec import to_json

ROOT = Path(__file__).parents[2]
MACHINE = Machine("a processor", "a processor", 2, 1, {"python": "3.11.7", "torch": "2.15.0"}, "aaaa")


def measured(machine: Machine = MACHINE, benchmark: str = "resize", **repeats: list[float]) -> Measured:
    """Seconds by name; `…_rate` are rates, `…_memory` sizes."""
    kinds = {"rate": ("steps/s", False), "memory": ("MiB", True)}
    found = [
        Measurement(name, *kinds.get(name.rpartition("_")[2], ("s", True)), tuple(values))
        for name, values in repeats.items()
    ]
    return Measured(1, benchmark, "2026-01-01T00:00:00+00:00", machine, tuple(found))


def compared(tmp_path: Path, before: Measured, after: Measured) -> tuple[int, str]:
    """Exit status and all that the command prints."""
    files = [tmp_path / "before.json", tmp_path / "after.json"]
    for file, one in zip(files, (before, after), strict=True):
        write_file(file, to_json(one))
    words = [sys.executable, "-m", "benchmarks.compare", *map(str, files)]
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True)
    return done.returncode, done.stdout + done.stderr


def test_the_interval_is_that_of_welchs_test_on_logarithms():
    before, after = [1.0, 1.1, 0.9, 1.05], [1.3, 1.2, 1.25]
    found = interval(before, after, level=0.05)
    whole = ttest_ind(np.log(after), np.log(before), equal_var=False).confidence_interval(0.95)
    assert (log(found.low), log(found.high)) == pytest.approx(tuple(whole))
    assert found.ratio == pytest.approx(exp(np.mean(np.log(after)) - np.mean(np.log(before))))


def test_by_chance_no_more_than_one_comparison_in_twenty_names_anything():
    random = np.random.default_rng(0)

    def a_file() -> Measured:
        return measured(**{f"part{n}": (1 + 0.1 * random.random(4)).tolist() for n in range(10)})

    named = [any(one.change in ("worse", "better") for one in verdicts(a_file(), a_file())) for _ in range(300)]
    assert 0 < np.mean(named) < 0.088  # 0.05, and three standard errors


def test_what_got_slower_is_named_in_either_direction_and_the_status_is_1(tmp_path):
    before = measured(step=[1.0, 1.01, 0.99], steps_rate=[10, 10.1, 9.9], peak_memory=[500, 501, 502], quick=[2, 2.1])
    after = measured(step=[1.2, 1.21, 1.19], steps_rate=[8, 8.1, 7.9], peak_memory=[700, 701, 702], quick=[2.1, 2])
    status, told = compared(tmp_path, before, after)
    assert status == 1
    assert [line.split(":")[0].split() for line in told.splitlines()[:3]] == [
        ["slower", "step"],
        ["slower", "steps_rate"],
        ["larger", "peak_memory"],
    ]
    assert "within noise    quick: 1.000 times" in told
    assert "step: 1.200 times" in told
    assert "steps_rate: 1.250 times" in told
    assert "3 of 4 got slower or larger" in told


def test_what_got_faster_is_no_failure(tmp_path):
    status, told = compared(tmp_path, measured(step=[1.2, 1.21, 1.19]), measured(step=[1.0, 1.01, 0.99]))
    assert status == 0
    assert told.startswith("faster          step: 0.833 times")
    assert "nothing of 1 got slower" in told


def test_a_difference_within_the_noise_of_the_repeats_is_none():
    (found,) = verdicts(measured(step=[1.0, 1.4, 0.8, 1.2]), measured(step=[1.3, 1.0, 1.5, 1.1]))
    assert found.change == "same"


def test_equal_repeats_are_told_apart_without_noise():
    slower, same = verdicts(measured(a=[1, 1], b=[2, 2]), measured(a=[1.5, 1.5], b=[2, 2]))
    assert (slower.change, same.change) == ("worse", "same")


@pytest.mark.parametrize(
    ("before", "after", "reason"),
    [
        ({"step": [1.0]}, {"step": [9.0, 9.1]}, "one repeat"),
        ({"step": [1.0, 1.1]}, {"step": [9.0]}, "one repeat"),
        ({"step": [1.0, -0.1]}, {"step": [9.0, 9.1]}, "0 or less"),
        ({"step": [1.0, 1.1]}, {}, "only in the first file"),
        ({}, {"step": [1.0, 1.1]}, "only in the second file"),
    ],
)
def test_where_nothing_can_be_told_it_says_why(tmp_path, before, after, reason):
    status, told = compared(tmp_path, measured(**before), measured(**after))
    assert status == 0
    assert told.startswith("cannot tell     step: ")
    assert reason in told


def test_a_unit_that_has_changed_is_not_compared():
    before, after = measured(step=[1.0, 1.1]), measured(step=[1000, 1100])
    after = replace(after, measurements=(replace(after.measurements[0], unit="ms"),))
    (found,) = verdicts(before, after)
    assert found.change == "unknown"
    assert "(s, ms)" in found.reason


@pytest.mark.parametrize(
    ("other", "named"),
    [
        ({"processor": "another"}, "processor a processor and another"),
        ({"cores": 64}, "cores"),
        ({"threads": 2}, "threads 1 and 2"),
    ],
)
def test_two_machines_are_not_compared(tmp_path, other, named):
    after = measured(replace(MACHINE, **other), step=[9.0, 9.1])
    status, told = compared(tmp_path, measured(step=[1.0, 1.1]), after)
    assert status == 2
    assert f"two machines, which may not be compared: {named}" in told
    assert len(told.splitlines()) == 1


def test_two_benchmarks_are_not_compared():
    with pytest.raises(UserError, match="resize and gan"):
        verdicts(measured(step=[1.0, 1.1]), measured(benchmark="gan", step=[1.0, 1.1]))


def test_another_version_is_what_is_compared(tmp_path):
    after = measured(replace(MACHINE, git="bbbb", versions={"python": "3.11.7", "torch": "2.16.0"}), step=[1.0, 1.1])
    status, told = compared(tmp_path, measured(step=[1.0, 1.1]), after)
    assert status == 0
    assert told.startswith("git aaaa → bbbb; torch 2.15.0 → 2.16.0\n")


@pytest.mark.parametrize("content", ["", "[]", "{", '{"schema": 1}', '{"schema": 2}'])
def test_a_file_of_another_kind_is_refused_by_name(tmp_path, content):
    (tmp_path / "other.json").write_text(content)
    with pytest.raises(UserError, match=r"other\.json: "):
        read_measured(tmp_path / "other.json")


def test_repeats_that_are_no_numbers_are_refused(tmp_path):
    content = json.loads(to_json(measured(step=[1.0, 1.1])))
    content["measurements"][0]["repeats"] = ["inf", 1.0]
    (tmp_path / "other.json").write_text(json.dumps(content))
    with pytest.raises(UserError, match="step: has no finite repeats"):
        read_measured(tmp_path / "other.json")
