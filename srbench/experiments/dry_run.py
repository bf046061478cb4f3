"""What a command would do, and what that would take: a table of its runs, printed without one of them being begun."""

from collections.abc import Sequence
from dataclasses import dataclass

from srbench.core.amounts import about_bytes, about_seconds
from srbench.core.harmless import visible
from srbench.experiments.asked import Asked
from srbench.experiments.launchers.estimates import Estimate, estimates, time_of_all
from srbench.experiments.recording import Slot

NOTHING = "–"


@dataclass(frozen=True)
class PlanLine:
    """What is printed of one run."""

    run: str
    parameters: str
    steps: str
    time: str
    memory: str
    compared: str


HEAD = PlanLine("run", "parameters", "steps", "time", "memory", "what it is compared in")


def show_plan(asked: Sequence[Asked], slots: Sequence[Slot]) -> None:
    """Prints the runs, with what their trainings take where they are still to be done, and the time of all in these
    slots. KeyboardInterrupt, with all of it printed, where not all was measured."""
    found = estimates([one.run for one in asked if one.left.train], slots)
    known = found.by_run
    _print([HEAD, *(_line(one, known.get(one.run.folder.name)) for one in asked)])
    print(f"{len(asked)} runs, {sum(not one.is_done for one in asked)} of them to do")
    if known:
        print(_total(list(known.values()), min(len(slots), len(known))))
    for reason in dict.fromkeys(one.reason for one in known.values() if one.reason):
        names = [name for name, estimate in known.items() if estimate.reason == reason]
        print(visible(f"{names[0]}{f' and {len(names) - 1} more' if len(names) > 1 else ''}: {reason}"))
    if found.interrupted:
        raise KeyboardInterrupt("what was not measured until then is left out")


def _line(one: Asked, estimate: Estimate | None) -> PlanLine:
    steps = sum(stage.length.steps for stage in one.run.stages)
    places = (f"{m.ablation}: {m.variant}{' (baseline)' if m.baseline else ''}" for m in one.run.memberships)
    time, memory = NOTHING, NOTHING
    if estimate is None:
        time = "done" if one.is_done else "trained" if steps else NOTHING
    elif estimate.seconds is not None and estimate.bytes is not None:
        time, memory = about_seconds(estimate.seconds), about_bytes(estimate.bytes)
    return PlanLine(
        one.run.folder.name, f"{one.params:,}", f"{steps:,}" if steps else NOTHING, time, memory, ", ".join(places)
    )


def _total(found: Sequence[Estimate], at_once: int) -> str:
    """Of those trainings of which something is known."""
    seconds = [one.seconds for one in found if one.seconds is not None]
    if not seconds:
        return "nothing is known of what their trainings take"
    told = f"training: {about_seconds(time_of_all(seconds, at_once))} in all"
    if at_once > 1:
        largest = sorted((one.bytes or 0 for one in found), reverse=True)[:at_once]
        told += f", {at_once} at once with {about_bytes(sum(largest))} of memory"
    if len(seconds) < len(found):
        told += f"; {len(found) - len(seconds)} of {len(found)} are not in it"
    return f"{told}; evaluation comes on top"


def _print(lines: Sequence[PlanLine]) -> None:
    width = {name: max(len(getattr(line, name)) for line in lines) for name in ("run", "parameters", "steps", "time")}
    memory = max(len(line.memory) for line in lines)
    for line in lines:
        cells = [
            f"{line.run:{width['run']}}",
            f"{line.parameters:>{width['parameters']}}",
            f"{line.steps:>{width['steps']}}",
            f"{line.time:>{width['time']}}",
            f"{line.memory:>{memory}}",
            line.compared,
        ]
        print(visible("  ".join(cells).rstrip()))
