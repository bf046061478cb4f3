"""What `status` shows of a study, once or again and again."""

import sys
import time
from collections.abc import Iterator
from pathlib import Path

from rich.live import Live
from rich.text import Text

from srbench.core.amounts import about_seconds
from srbench.core.harmless import visible
from srbench.core.progress import PlainConsole
from srbench.experiments.store.run_progress import RunProgress
from srbench.experiments.store.standing import RunStanding, Standing, look

LOOK_SECONDS = 2.0


def print_standing(standing: Standing) -> None:
    """A line a run, then the notes on the study, then the totals."""
    for one in standing.runs:
        print(_line(one))
    for line in standing.study.strange:
        print(visible(f"note: {line}"))
    print(_totals(standing), flush=True)


def watch_study(folder: Path) -> None:
    """Shows how the study stands until all is done or has failed, or until Ctrl-C: at a terminal what is at work, what
    has failed and the totals, again and again; elsewhere lines, a run's again when its state changes."""
    try:
        if sys.stdout.isatty():
            _redraw(folder)
        else:
            _print_changes(folder)
    except KeyboardInterrupt:  # to look on is over; nothing is interrupted by it
        pass


def _redraw(folder: Path) -> None:
    console = PlainConsole(highlight=False, markup=False, emoji=False)
    with Live(console=console, auto_refresh=False) as live:
        while True:
            standing = look(folder)
            shown = "\n".join(_screen(standing, console.height - 1))
            live.update(Text(shown, no_wrap=True, overflow="ellipsis"), refresh=True)
            if standing.is_over:
                return
            time.sleep(LOOK_SECONDS)


def _screen(standing: Standing, height: int) -> Iterator[str]:
    """So many lines at most: what is at work, what has failed, the totals."""
    lines = [_line(one) for state in ("running", "failed") for one in standing.runs if one.state == state]
    room = max(1, height - 1)
    if len(lines) > room:
        lines[room - 1 :] = [f"… and {len(lines) - room + 1} more"]
    yield from lines
    yield _totals(standing)


def _print_changes(folder: Path) -> None:
    before = look(folder)
    print_standing(before)
    while not before.is_over:
        time.sleep(LOOK_SECONDS)
        now = look(folder)
        known = {one.run.name: (one.state, one.lacks) for one in before.runs}
        changed = [one for one in now.runs if known.get(one.run.name) != (one.state, one.lacks)]
        for one in changed:
            print(_line(one))
        if changed:
            print(_totals(now), flush=True)
        before = now


def _line(one: RunStanding) -> str:
    return visible(f"{one.state:8} {one.run.name}  {_detail(one)}".rstrip())


def _detail(one: RunStanding) -> str:
    if one.state == "running":  # an error would be of the time before
        return _progress(one.progress) if one.progress else "begins"
    if one.run.error:
        return one.run.error
    if one.run.planned is None:
        return "unplanned"
    return f"left to do: {', '.join(one.lacks)}" if one.lacks else ""


def _progress(told: RunProgress) -> str:
    """`train  1,200/5,000  3.4 steps/s  ≈ 19 min left  loss 0.0312`."""
    unit = "steps" if told.part == "train" else "images"
    words = [told.part, f"{told.done:,}/{told.total:,}" if told.total else "", told.stage]
    if told.part in ("train", "score") and told.rate:
        words.insert(2, f"{told.rate:.3g} {unit}/s")
        if told.seconds_left is not None:
            words.insert(3, f"{about_seconds(told.seconds_left)} left")
    return "  ".join(filter(None, words))


def _totals(standing: Standing) -> str:
    told = ", ".join(f"{number} {state}" for state, number in standing.counts.items())
    if standing.seconds_left is None:
        return told
    at_once = standing.counts["running"]
    return f"{told}; {about_seconds(standing.seconds_left)} left{f', {at_once} at once' if at_once > 1 else ''}"
