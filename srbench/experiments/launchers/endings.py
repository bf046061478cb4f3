"""How a run ended: the status of its process, the reason of a death, and the line that says what it has reached."""

import signal

from srbench.core import hardware
from srbench.core.errors import UserError
from srbench.experiments.launchers.room import room_on
from srbench.experiments.launchers.tries import may_end_well
from srbench.experiments.spec import RunSpec
from srbench.experiments.store.record import Record, read_record

# Statuses of a run's process. IN_VAIN and OUT_OF_MEMORY, EX_IOERR and EX_TEMPFAIL of sysexits.h: it may end well
# another time. ELSEWHERE: another process works on the run.
DONE, FOR_GOOD, IN_VAIN, OUT_OF_MEMORY, ELSEWHERE, INTERRUPTED = 0, 1, 74, 75, 76, 130


def status_of(error: Exception) -> int:
    """That a run's process ends with which raised this."""
    if hardware.is_out_of_memory(error):
        return OUT_OF_MEMORY
    return IN_VAIN if may_end_well(error) else FOR_GOOD


def out_of_memory(run: RunSpec, device: str) -> str:
    """Why a run did not end well that found no memory left on a device which no run of ours took any of, in words."""
    free = room_on([device], [], {}).free  # little where others have taken it
    left = f"where {free[0] / 1e9:.3g} GB are free now" if free else "where no other process can begin either"
    record = known_record(run)
    is_trained = not run.stages or (record is not None and record.fingerprints.train is not None)
    lower = "eval.memory_gb" if is_trained else "budget.batch_size or budget.hr_patch"
    return f"ran out of memory alone on {device}, {left}; lower {lower}"


def of_death(code: int | None) -> str:
    """Why a run did not end well whose process ended without a word, with this status, or by the signal of -status."""
    if code is None or code >= 0:
        return f"the process ended with status {code}"
    killed = signal.Signals(-code).name
    hint = " (out of memory?)" if -code == signal.SIGKILL else ""
    return f"the process was killed by {killed}{hint}"


def known_record(run: RunSpec) -> Record | None:
    """The run's record; None where there is none that can be read."""
    try:
        return read_record(run.folder)
    except UserError:
        return None
