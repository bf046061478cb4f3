"""Which exceptions are the user's to fix, told in one line: which key or file, what is wrong, what there is."""

import errno
import os
import sys
from traceback import walk_tb

import yaml
from hydra.errors import HydraException, InstantiationException, MissingConfigException, OverrideParseException
from omegaconf.errors import ConfigAttributeError, ConfigKeyError, MissingMandatoryValue, OmegaConfBaseException

from srbench.core import hardware
from srbench.core.errors import FailedRunError, UserError, first_line_with_type
from srbench.core.lookups import hidden
from srbench.core.paths import conf_folder
from srbench.core.suggest import did_you_mean
from srbench.experiments.schema import no_choice
from srbench.experiments.store.record import Record

DISK = (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES, errno.EPERM, errno.ENOTDIR, errno.EEXIST, errno.EFBIG)
NO_PATH = (errno.ENAMETOOLONG, errno.ELOOP)  # what no folder could hold, and links in a circle
NO_CHOICE = "Config group override must be a string or a list"  # Hydra's of `data=null`, without the key
TWO_FLAGS = "Only one of --run, --multirun"  # Hydra's of flags that do not go together


def one_line(error: BaseException) -> str | None:
    """One line for a mistake of the user's: a UserError, a command line or config that Hydra cannot compose, a disk
    that is full or read-only, a path that can lead nowhere. None for anything else."""
    chain = _chain(error)
    for cause in chain:
        if isinstance(cause, UserError):
            return str(cause)
        if isinstance(cause, OSError) and (cause.errno in DISK or _makes_no_folder(cause)):
            place = f"cannot write {cause.filename or 'to the disk'}: {cause.strerror}"
            return f"{place}; make room or name another place (of runs: runs_dir=DIR, of reports: reports_dir=DIR)"
        if isinstance(cause, OSError) and cause.errno in NO_PATH and cause.filename:
            return f"{os.fsdecode(cause.filename)}: {cause.strerror}; name another place"
        if isinstance(cause, MissingConfigException) and cause.missing_cfg_file:
            return _no_such_option(cause.missing_cfg_file, list(cause.options or []))
        if isinstance(cause, MissingMandatoryValue):
            return f"{cause.full_key}: must be given; add {cause.full_key}=VALUE"
        if isinstance(cause, ConfigKeyError | ConfigAttributeError):
            return _no_such_key(cause)
        if isinstance(cause, OverrideParseException):
            return f"{cause.override}: not of the form key=value: {hydras_reason(cause)}"
        if isinstance(cause, ValueError) and str(cause).startswith(NO_CHOICE):
            return _no_choice(sys.argv[1:])
        if isinstance(cause, ValueError) and str(cause).startswith(TWO_FLAGS):
            return str(cause)
    if isinstance(error, InstantiationException) or not isinstance(error, HydraException | OmegaConfBaseException):
        return None
    return " ".join(hydras_reason(cause) for cause in chain)


def of_full_gpu(error: BaseException) -> str | None:
    """One line for a GPU that has no memory left, as torch says how much there is; None for anything else."""
    full = hardware.memory_error(error) if "torch" in sys.modules else None
    if full is None:
        return None
    told = first_line_with_type(full).removesuffix(".")
    return f"{told}; give less at once, free the GPU of others, or use device=cpu"


def result_in_words(record: Record) -> str:
    """The scores and the latency of a run, for the line that says that it is done."""
    scores = (
        f"{name} {', '.join(f'{metric.upper()} {value:.4g}' for metric, value in means.items())}"
        for name, means in record.scores.items()
    )
    latency = (f"{entry.median_ms:.0f} ms for {entry.height}×{entry.width}" for entry in record.latency)
    return f"{'; '.join([*scores, *latency])} (in all {record.seconds:.0f} s)"


def failure_in_words(error: BaseException) -> str:
    """Why a run failed, in one line, as its record tells it."""
    known = one_line(error) or (str(error) if isinstance(error, FailedRunError) else None)
    return hidden(known or first_line_with_type(error))


def _makes_no_folder(error: OSError) -> bool:
    """Whether a folder could not be made in one that is there, as in /proc; what is not there to be read is no matter
    of the disk."""
    functions = [frame.f_code.co_name for frame, _ in walk_tb(error.__traceback__)]
    return error.errno == errno.ENOENT and functions[-1:] == ["mkdir"]


def _no_choice(words: list[str]) -> str:
    groups = [word for word in words if "=" in word and (conf_folder() / word.lstrip("+").partition("=")[0]).is_dir()]
    wrong = [word for word in groups if not isinstance(yaml.safe_load(word.partition("=")[2]), str | list)]
    return "; ".join(map(no_choice, wrong)) or f"{' '.join(words)}: one of these is no choice of a config group"


def _no_such_option(file: str, options: list[str]) -> str:
    group, _, name = str(file).removesuffix(".yaml").rpartition("/")
    return f"{group or 'config'}={name}: no such {group.rpartition('/')[2] or 'config'}{did_you_mean(name, options)}"


def _no_such_key(error: OmegaConfBaseException) -> str:
    key = str(error.full_key or error.key)
    parent, _, name = key.rpartition(".")
    names = [str(k) for k in error.parent_node if k != "hydra"] if error.parent_node is not None else []
    return f"{key}: no such key{f' in {parent}' if parent else ''}{did_you_mean(name, names)}"


def hydras_reason(error: BaseException) -> str:
    """What an exception of Hydra's says, in one line."""
    return " ".join(str(error).partition("See https://")[0].split())


def _chain(error: BaseException) -> list[BaseException]:
    chain = [error]
    while (cause := chain[-1].__cause__) is not None and cause not in chain:
        chain.append(cause)
    return chain
