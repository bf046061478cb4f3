"""Where a grid's runs run at once: on a CPU one a core, on a GPU as many as its memory and the cores allow."""

from collections.abc import Sequence

from srbench.core import hardware
from srbench.core.progress import console
from srbench.experiments.launchers.room import Room, room_on
from srbench.experiments.recording import Slot
from srbench.experiments.spec import RunSpec

MOST = 16  # runs on one GPU: beyond, each takes longer by as much as there are more
UNPREDICTED = 4  # runs on one GPU where nobody knows what they take
SPARED = 0.1  # of the free memory: for what a prediction does not see, such as pieces too small for any tensor


def slots_for(runs: Sequence[RunSpec]) -> list[Slot]:
    """Places for these runs, for as many at a time as the first one's `jobs` says. A CPU run has one thread, so that
    its result is the same on any number of cores; runs on CUDA devices share the cores. Tells of more than fit on a
    GPU."""
    run, cores = runs[0], hardware.cores()
    device = hardware.pick_device(run.device)
    if not device.startswith("cuda"):
        most = max(1, cores // run.devices) if device == "cpu" else 1  # an Apple GPU gains nothing by several
        number = most if run.jobs == "auto" else run.jobs
        return [Slot(device, 1 if run.threads == "auto" else run.threads)] * number
    places = _places(runs, _gpus(device, run.devices), cores)
    threads = max(1, cores // len(places)) if run.threads == "auto" else run.threads
    return [Slot(gpu, threads) for gpu in places]


def _gpus(device: str, each: int) -> list[str]:
    """Those on which a run can begin that takes `each` of them from there on."""
    import torch

    return [device] if ":" in device else [f"cuda:{i}" for i in range(0, torch.cuda.device_count() - each + 1, each)]


def _places(runs: Sequence[RunSpec], gpus: Sequence[str], cores: int) -> list[str]:
    """The GPU of each run that may run at once. Runs of several share none, as their processes wait for each other."""
    run = runs[0]
    if run.jobs == "auto" and (run.devices > 1 or len(runs) <= len(gpus)):
        return list(gpus[: len(runs)])
    if run.jobs == "auto":
        return [gpus[i] for i in shared_out(room_on(gpus, runs, {}), len(gpus), cores, len(runs))]
    places = [gpus[i % len(gpus)] for i in range(run.jobs)]
    if run.devices == 1 and min(run.jobs, len(runs)) > len(gpus):
        _tell_of_too_many(room_on(gpus, runs, {}), places[: len(runs)], gpus)
    return places


def shared_out(room: Room, gpus: int, cores: int, runs: int) -> list[int]:
    """The number of the GPU, of so many, of each run that runs at once: in turn, up to what fits on each, and to one a
    core and to `runs` in all, but for one on each GPU whatever the cores."""
    fit = [fitting(free, room.needed) for free in room.free or [None] * gpus]
    turns = sorted((turn, gpu) for gpu, number in enumerate(fit) for turn in range(number))
    return [gpu for _, gpu in turns][: min(runs, max(cores, gpus))]


def fitting(free: int | None, needed: int | None) -> int:
    """How many runs of `needed` bytes fit into `free` bytes of a GPU: one at least, MOST at most, UNPREDICTED where one
    of the two is not known."""
    if free is None or needed is None:
        return UNPREDICTED
    return max(1, min(MOST, int(free * (1 - SPARED)) // needed))


def _tell_of_too_many(room: Room, places: Sequence[str], gpus: Sequence[str]) -> None:
    """In one line, of the first GPU that has more runs at once than fit."""
    if room.free is None or room.needed is None:
        return
    for gpu, free in zip(gpus, room.free, strict=True):
        number, fit = places.count(gpu), int(free * (1 - SPARED)) // room.needed
        if number > fit:
            console.print(
                f"{gpu}: {number} runs at once (jobs) take up to {number * room.needed / 1e9:.3g} GB, and "
                f"{free / 1e9:.3g} are free; one that runs out of memory is done again beside fewer"
            )
            return
