"""Which failures of a run are tried again (`retries`), and what is told of a grid that stops at one (`fail_fast`)."""

from srbench.core.errors import FailedRunError, LostProcessError
from srbench.core.progress import console
from srbench.experiments.messages import one_line
from srbench.experiments.spec import RunSpec


def may_end_well(error: BaseException) -> bool:
    """Whether a run that raised this may end well another time. Not what is the user's to fix, nor what the run itself
    leads to, a loss that is not finite say: from the same checkpoint it would lead there again."""
    ends_the_same = isinstance(error, FailedRunError) and not isinstance(error, LostProcessError)
    return not ends_the_same and one_line(error) is None


def is_tried_again(run: RunSpec, failures: int, reason: str) -> bool:
    """Whether a run is tried again that has failed so many times for nobody's mistake, which is told in one line."""
    if failures > run.retries:
        return False
    console.print(f"{run.folder.name}: failed: {reason}; tried again ({failures} of retries={run.retries})")
    return True


def tell_of_stop(asked: int, waiting: int) -> None:
    """What becomes of the other runs of a grid that stops at its first failure."""
    others = [f"{asked} asked to stop where they can go on"] * bool(asked) + [f"{waiting} not started"] * bool(waiting)
    if others:
        console.print(f"fail_fast=true: stops at the first failure; {', '.join(others)}")
