"""What got slower: python -m benchmarks.compare BEFORE.json AFTER.json

For each measurement of two files of the same benchmark on the same machine: how many times as slow (or large) it is,
with an interval, and a verdict. The exit status is 1 where something got slower, 2 where the files may not be compared.

The ratio is that of the geometric means of the repeats, and the interval Welch's t on their logarithms: sound for as
few as two repeats on either side, and wide where one of them was disturbed. All intervals of a comparison hold
together in 95 % of comparisons (Bonferroni), so that a long file names no more by chance than a short one.
What machines, versions or other loads do to a whole process is not in the noise of its repeats: measure both files on
an idle machine, and measure again what is named.
"""

import argparse
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from math import exp, inf, log, sqrt
from pathlib import Path
from statistics import mean, variance
from typing import Literal

from scipy.special import stdtrit

from benchmarks.measured import Machine, Measured, Measurement, read_measured
from srbench.core.errors import UserError

LEVEL = 0.05  # of comparisons that name something which has not changed
SIZES = ("MiB",)  # units of what is larger, not slower

Change = Literal["worse", "better", "same", "unknown"]


@dataclass(frozen=True)
class Interval:
    """How many times as much, and between which bounds."""

    ratio: float
    low: float
    high: float


@dataclass(frozen=True)
class Verdict:
    """Of one measurement; `interval`: above 1 it got worse. Where there is none, `reason` says why it is unknown."""

    name: str
    unit: str
    change: Change
    interval: Interval | None = None
    reason: str = ""

    def __str__(self) -> str:
        if self.interval is None:
            return f"cannot tell     {self.name}: {self.reason}"
        worse, better = ("larger", "smaller") if self.unit in SIZES else ("slower", "faster")
        told = {"worse": worse, "better": better, "same": "within noise"}[self.change]
        one = self.interval
        return f"{told:14}  {self.name}: {one.ratio:.3f} times [{one.low:.3f}, {one.high:.3f}]"


def interval(before: Sequence[float], after: Sequence[float], level: float) -> Interval:
    """Of the ratio of geometric means, `after` to `before`, both of two positive values or more; it misses with a
    probability of `level`."""
    logs = [[log(value) for value in values] for values in (before, after)]
    difference = mean(logs[1]) - mean(logs[0])
    parts = [variance(values) / len(values) for values in logs]
    if sum(parts) == 0:
        return Interval(exp(difference), exp(difference), exp(difference))
    freedom = sum(parts) ** 2 / sum(part**2 / (len(values) - 1) for part, values in zip(parts, logs, strict=True))
    half = float(stdtrit(freedom, 1 - level / 2)) * sqrt(sum(parts))
    bounds = [exp(bound) if bound < 700 else inf for bound in (difference - half, difference + half)]
    return Interval(exp(difference), *bounds)


def verdicts(before: Measured, after: Measured) -> list[Verdict]:
    """Of all that both have measured, or one of them. UserError where the two may not be compared."""
    if before.benchmark != after.benchmark:
        raise UserError(f"two benchmarks, {before.benchmark} and {after.benchmark}; compare files of one")
    if other := differing(before.machine, after.machine):
        raise UserError(f"two machines, which may not be compared: {'; '.join(other)}")
    first, second = ({one.name: one for one in file.measurements} for file in (before, after))
    reasons = {name: _reason(first.get(name), second.get(name)) for name in first | second}
    level = LEVEL / max(1, sum(not reason for reason in reasons.values()))
    return [
        Verdict((first | second)[name].name, (first | second)[name].unit, "unknown", reason=reason)
        if reason
        else _verdict(first[name], second[name], level)
        for name, reason in reasons.items()
    ]


def differing(one: Machine, other: Machine) -> list[str]:
    """What makes two machines two, in words; versions are no part of it."""
    return [
        f"{name} {getattr(one, name)} and {getattr(other, name)}"
        for name in ("processor", "device", "cores", "threads")
        if getattr(one, name) != getattr(other, name)
    ]


def _reason(before: Measurement | None, after: Measurement | None) -> str:
    """Why nothing can be told; empty where something can."""
    if before is None or after is None:
        return f"only in the {'second' if before is None else 'first'} file"
    if (before.unit, before.lower_is_better) != (after.unit, after.lower_is_better):
        return f"was measured in another way ({before.unit}, {after.unit})"
    if min(len(before.repeats), len(after.repeats)) < 2:
        return "one repeat; measure with --repeats"
    if min(*before.repeats, *after.repeats) <= 0:
        return "a repeat of 0 or less has no ratio"
    return ""


def _verdict(before: Measurement, after: Measurement, level: float) -> Verdict:
    under, over = (before, after) if before.lower_is_better else (after, before)
    found = interval(under.repeats, over.repeats, level)
    change: Change = "worse" if found.low > 1 else "better" if found.high < 1 else "same"
    return Verdict(before.name, before.unit, change, found)


def _other_code(before: Machine, after: Machine) -> list[str]:
    """What was compared, where it is not the same code in the same environment."""
    first, second = ({"git": one.git or "none", **one.versions} for one in (before, after))
    names = [name for name in first | second if first.get(name) != second.get(name)]
    return [f"{name} {first.get(name, 'none')} → {second.get(name, 'none')}" for name in names]


def main() -> int:
    parser = argparse.ArgumentParser(
        "python -m benchmarks.compare", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("before", type=Path, metavar="BEFORE.json")
    parser.add_argument("after", type=Path, metavar="AFTER.json")
    asked = parser.parse_args()
    try:
        before, after = read_measured(asked.before), read_measured(asked.after)
        found = verdicts(before, after)
    except UserError as error:
        parser.exit(2, f"{parser.prog}: {error}\n")
    if changed := _other_code(before.machine, after.machine):
        print("; ".join(changed))
    print(*found, sep="\n")
    worse = sum(one.change == "worse" for one in found)
    print(f"{worse or 'nothing'} of {len(found)} got slower or larger")
    return 1 if worse else 0


if __name__ == "__main__":
    sys.exit(main())
