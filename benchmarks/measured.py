"""What a benchmark has measured, as a file: every repeat, and the machine. The options that all benchmarks take."""

import argparse
import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from multiprocessing import get_context
from pathlib import Path
from statistics import quantiles
from typing import ParamSpec, Protocol, TypeVar

from srbench.core import hardware
from srbench.core.errors import UserError
from srbench.core.files import write_file
from srbench.experiments.store.codec import FormatError, decode, to_json
from srbench.experiments.store.json_files import in_short, newer, read_json

SCHEMA = 1

Parameters = ParamSpec("Parameters")
Result = TypeVar("Result")


@dataclass(frozen=True)
class Measurement:
    """`repeats`: one value each, in the order they were measured, in `unit`."""

    name: str
    unit: str
    lower_is_better: bool
    repeats: tuple[float, ...]


@dataclass(frozen=True)
class Machine:
    """`threads`: that the benchmark computes with; None where it starts commands that choose themselves. `versions`: of
    Python, srbench, torch and others; `git`: the checkout's commit, `+changes` if it has any."""

    processor: str
    device: str
    cores: int
    threads: int | None
    versions: dict[str, str]
    git: str | None


@dataclass(frozen=True)
class Measured:
    """What a benchmark writes to its `--json`. `started`: ISO 8601, UTC."""

    schema: int
    benchmark: str
    started: str
    machine: Machine
    measurements: tuple[Measurement, ...]


class Note(Protocol):
    """Keeps the repeats of what is measured, by a name that the file has once."""

    def __call__(self, name: str, unit: str, repeats: Iterable[float], lower_is_better: bool = True) -> None: ...


def command(file: str, doc: str | None, repeats: int, threads: int | None = None) -> argparse.ArgumentParser:
    """The command line of the benchmark in `file`, for it to add its own arguments; its docstring is the help.
    `threads`: the default of the argument THREADS, for one that takes it."""
    name = Path(file).stem
    parser = argparse.ArgumentParser(
        f"python -m benchmarks.{name}", description=doc, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.set_defaults(benchmark=name)
    parser.add_argument("--repeats", type=natural, default=repeats, metavar="N", help=f"of each (default: {repeats})")
    parser.add_argument(
        "--json", type=_output, metavar="FILE", help="write every repeat, for python -m benchmarks.compare"
    )
    if threads:
        parser.add_argument(
            "threads", nargs="?", type=natural, default=threads, metavar="THREADS", help=f"default: {threads}"
        )
    return parser


def take_lines(parser: argparse.ArgumentParser, lines: Iterable[str], usual: str) -> None:
    """Adds the arguments LINE … to a benchmark's command line, each one of `lines`; `usual`: what is meant by none."""
    names = list(lines)

    def line(text: str) -> str:
        if text not in names:
            raise argparse.ArgumentTypeError(f"{text}: no such line; there are {', '.join(names)}")
        return text

    told = f"of {', '.join(names)}; default: {usual}"
    parser.add_argument("lines", nargs="*", type=line, metavar="LINE", help=told)


def natural(text: str) -> int:
    """A number of an argument, 1 or more."""
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text}: a whole number is needed, 1 or more")
    return int(text)


def _output(text: str) -> Path:
    path = Path(text)
    if path.is_dir() or not path.parent.is_dir():
        raise argparse.ArgumentTypeError(f"{text}: {'is a folder' if path.is_dir() else 'its folder is not there'}")
    return path


@contextmanager
def measuring(asked: argparse.Namespace, threads: int | None, device: str = "cpu") -> Iterator[Note]:
    """What notes measurements; they are in the file of `--json` as soon as they are noted, so that a benchmark that is
    interrupted leaves those that it has made."""
    started = datetime.now(UTC).isoformat(timespec="seconds")
    names = (hardware.describe_device("cpu"), hardware.describe_device(device))
    machine = Machine(*names, hardware.cores(), threads, hardware.versions(), hardware.git_state())
    noted: dict[str, Measurement] = {}

    def note(name: str, unit: str, repeats: Iterable[float], lower_is_better: bool = True) -> None:
        if name in noted:
            raise ValueError(f"{name}: noted twice")
        noted[name] = Measurement(name, unit, lower_is_better, tuple(map(float, repeats)))
        if asked.json:
            written = Measured(SCHEMA, asked.benchmark, started, machine, tuple(noted.values()))
            write_file(asked.json, to_json(written))

    yield note


def read_measured(path: Path) -> Measured:
    """What `measuring` has written. UserError, naming the file, for anything else."""
    try:
        content = read_json(path)
        if isinstance(content, dict) and isinstance(schema := content.get("schema"), int) and schema > SCHEMA:
            raise UserError(f"{path}: {newer(schema, SCHEMA)}")
        measured = decode(Measured, content)
    except (OSError, RecursionError, ValueError) as error:
        reason = str(error) if isinstance(error, FormatError) else in_short(error)
        raise UserError(f"{path}: not what a benchmark writes with --json: {reason}") from error
    for one in measured.measurements:
        if not one.repeats or not all(map(math.isfinite, one.repeats)):
            raise UserError(f"{path}: {one.name}: has no finite repeats")
    return measured


def middle_half(values: Sequence[float]) -> tuple[float, float]:
    """The bounds of the middle half of the repeats; of one repeat itself."""
    low, _, high = quantiles([*values] if len(values) > 1 else [*values, *values], n=4)
    return low, high


def in_own_process(work: Callable[Parameters, Result], *args: Parameters.args, **kwargs: Parameters.kwargs) -> Result:
    """What `work` returns in a process that has done nothing else."""
    with ProcessPoolExecutor(1, get_context("spawn")) as pool:
        return pool.submit(work, *args, **kwargs).result()
