"""The options that all benchmarks take, and the file that they write."""

import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.measured import command, in_own_process, measuring, middle_half, read_measured

ROOT = Path(__file__).parents[2]
OTHERS = {"measured", "compare"}
BENCHMARKS = sorted(file.stem for file in (ROOT / "benchmarks").glob("*.py") if file.stem not in OTHERS)
HELP_OF_ALL = """
import importlib, sys
for name in sys.argv[1:]:
    sys.argv = [name, "--help"]
    try:
        importlib.import_module(f"benchmarks.{name}").main()
    except SystemExit as end:
        print(f"status of {name}: {end.code}", flush=True)
"""


def test_every_benchmark_has_help_with_the_shared_options():
    done = subprocess.run(
        [sys.executable, "-c", HELP_OF_ALL, *BENCHMARKS], cwd=ROOT, capture_output=True, text=True, check=True
    )
    *told, rest = done.stdout.split("status of ")
    assert len(told) == len(BENCHMARKS)
    for name, text in zip(BENCHMARKS, told, strict=True):
        assert f"usage: python -m benchmarks.{name} [-h] [--repeats N] [--json FILE]" in " ".join(text.split())
    assert rest.startswith(f"{BENCHMARKS[-1]}: 0")


def test_a_benchmark_writes_every_repeat_and_the_machine(tmp_path):
    file = tmp_path / "startup.json"
    words = [sys.executable, "-m", "benchmarks.launchers", "3", "local", "--repeats", "2", "--json", str(file)]
    subprocess.run(words, cwd=ROOT, check=True, capture_output=True)
    found = read_measured(file)
    assert found.benchmark == "launchers"
    assert found.machine.cores >= 1
    assert "torch" in found.machine.versions
    assert [(one.name, one.unit, len(one.repeats)) for one in found.measurements] == [
        ("local, 2 runs", "s", 2),
        ("local, 3 runs", "s", 2),
        ("local, 3 runs, each", "s", 2),
    ]
    few, all_of_them, each = (one.repeats for one in found.measurements)
    assert each == pytest.approx([most - least for least, most in zip(few, all_of_them, strict=True)])


def test_what_was_measured_before_a_failure_is_in_the_file(tmp_path):
    asked = command(__file__, "", repeats=3).parse_args(["--json", str(tmp_path / "some.json")])

    def benchmark() -> None:
        with measuring(asked, threads=1) as note:
            note("a step", "s", [1.0, 2.0])
            note("a rate", "steps/s", [1 / 0], lower_is_better=False)

    with pytest.raises(ZeroDivisionError):
        benchmark()
    (only,) = read_measured(tmp_path / "some.json").measurements
    assert (only.name, only.repeats, only.lower_is_better) == ("a step", (1.0, 2.0), True)


def test_a_name_stands_once():
    asked = command(__file__, "", repeats=3).parse_args([])
    with measuring(asked, threads=1) as note:
        note("a step", "s", [1.0])
        with pytest.raises(ValueError, match="a step: noted twice"):
            note("a step", "s", [2.0])


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--repeats", "0"], "1 or more"),
        (["--repeats", "two"], "1 or more"),
        (["--json", "not/there.json"], "its folder is not there"),
        (["--json", "."], "is a folder"),
        (["0"], "1 or more"),
        (["1", "more"], "unrecognized"),
    ],
)
def test_a_wrong_option_ends_with_its_reason_before_anything_is_measured(capsys, words, told):
    with pytest.raises(SystemExit) as ended:
        command(__file__, "", repeats=3, threads=1).parse_args(words)
    assert ended.value.code == 2
    assert told in capsys.readouterr().err.splitlines()[-1]


def test_one_repeat_is_its_own_middle_half():
    assert middle_half([2.0]) == (2.0, 2.0)
    assert middle_half([1.0, 2.0, 3.0, 4.0]) == (1.25, 3.75)


def test_work_of_its_own_process_returns_its_value():
    assert in_own_process(divmod, 7, 2) == (3, 1)
