"""A run's folder: one of each run, made ready for its files, and emptied where a run is to begin anew."""

import shutil
import stat
from collections.abc import Callable
from pathlib import Path

from srbench.core.errors import UserError
from srbench.core.files import remove_links, set_aside
from srbench.core.heartbeat import Worker, heartbeat
from srbench.core.lock_files import locked_if_possible
from srbench.core.progress import console
from srbench.experiments.spec import RunSpec
from srbench.experiments.store.left import HR, IMAGES, WEIGHTS
from srbench.experiments.store.record import FILE, NewerRecordError, read_record
from srbench.experiments.store.run_progress import PROGRESS

RESULTS = (FILE, WEIGHTS, "last.ckpt", "losses.csv", "validation.csv", "scores.csv", "logger.json", PROGRESS)
STAGES = "stages"
FOLDERS = (STAGES, IMAGES, HR)


def claim_folder(run: RunSpec) -> None:
    """Makes the run's folder, the only one of that run: two commands that begin at once may know it by two variants'
    names. From now on, `run.folder` is that one. UserError for a record that only a newer srbench can read, unless the
    run is forced."""
    vars(run).pop("folder", None)
    if not run.folder.exists():
        with locked_if_possible(run.places.study_dir / f".{run.config_hash}.lock"):
            vars(run).pop("folder", None)
            _made(run.folder)
    if not run.force:
        _refuse_newer(run.folder)


def _refuse_newer(folder: Path) -> None:
    try:
        read_record(folder)
    except NewerRecordError as reason:
        raise UserError(f"{reason}, or make the run anew by force=true") from None
    except UserError:  # which is told where the run is made anew
        pass


def ready_folder(folder: Path) -> Path:
    """Makes a run's folder. What stands in the way of its files and folders, a folder or a link say, is set aside with
    a line. UserError where the folder itself cannot be had."""
    _make_way(folder, stat.S_ISDIR)
    _made(folder)
    for name in (*RESULTS, "config.yaml", "run.log"):
        _make_way(folder / name, stat.S_ISREG)
    for name in FOLDERS:
        _make_way(folder / name, stat.S_ISDIR)
        remove_links(folder / name)
    return folder


def forget(folder: Path) -> None:
    """Removes what a run has left, so that it begins anew: a run whose folder has STAGES trains itself, whoever carries
    it out, and however often it is interrupted. UserError while another process works on it."""

    def refuse(worker: Worker) -> None:
        raise UserError(f"force=true: {folder}: {worker} works on it; end that first")

    ready_folder(folder)
    with heartbeat(folder, refuse):
        for name in RESULTS:
            (folder / name).unlink(missing_ok=True)
        for name in FOLDERS:
            shutil.rmtree(folder / name, ignore_errors=True)
        (folder / STAGES).mkdir(exist_ok=True)


def _made(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except (FileExistsError, NotADirectoryError):
        raise UserError(f"{folder}: is no folder, or lies in none; move what is there away") from None


def _make_way(path: Path, is_right: Callable[[int], bool]) -> None:
    try:
        if is_right(path.lstat().st_mode):
            return
    except FileNotFoundError:
        return
    console.print(f"{path}: is not what srbench writes there; now {set_aside(path).name}", markup=False)
