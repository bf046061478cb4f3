"""What a word of the command line may hold: each kind makes a typed value of a text, or says what is needed instead."""

import math
import os
import re
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Generic, TypeVar

from srbench.core.paths import weights_folders
from srbench.core.suggest import did_you_mean
from srbench.experiments.store.boxes import Boxes, as_box

_T = TypeVar("_T")
_T_co = TypeVar("_T_co", covariant=True)
_Name = TypeVar("_Name", bound=str)


@dataclass(frozen=True)
class Kind(Generic[_T_co]):
    """`shown`: what stands for a value in a usage line. `read`: the value of a text that is not empty; ValueError,
    with what is needed, for a text that is none."""

    shown: str
    read: Callable[[str], _T_co]


def whole(least: int, shown: str = "N") -> Kind[int]:
    """A whole number, `least` or more."""

    def read(text: str) -> int:
        if not (text.isdecimal() and int(text) >= least):
            raise ValueError(f"a whole number from {least} on is needed")
        return int(text)

    return Kind(shown, read)


def word_or(word: str, kind: Kind[_T]) -> Kind[_T | None]:
    """None where the text is `word`, else as `kind`."""

    def read(text: str) -> _T | None:
        try:
            return None if text == word else kind.read(text)
        except ValueError as error:
            raise ValueError(f"{word}, or {error}") from None

    return Kind(f"{word}|{kind.shown}", read)


def choice(*names: _Name) -> Kind[_Name]:
    """One of `names`."""

    known: dict[str, _Name] = {name: name for name in names}

    def read(text: str) -> _Name:
        if text not in known:
            raise ValueError(f"no such choice{did_you_mean(text, known)}")
        return known[text]

    return Kind("|".join(names), read)


def listed(kind: Kind[_T]) -> Kind[tuple[_T, ...]]:
    """Several, with commas between and brackets around them or none; each once, in the order given."""

    def read(text: str) -> tuple[_T, ...]:
        values: dict[_T, None] = {}
        for part in text.strip("[]").split(","):
            try:
                values[kind.read(part.strip())] = None
            except ValueError as error:
                raise ValueError(
                    str(error) if part == text else f"{part or 'nothing between commas'}: {error}"
                ) from None
        return tuple(values)

    return Kind(f"{kind.shown},...", read)


def _flag(text: str) -> bool:
    if text not in ("true", "false"):
        raise ValueError("true or false")
    return text == "true"


def _true(text: str) -> bool:
    if text != "true":
        raise ValueError("true, or leave it out")
    return True


def _name(text: str) -> str:
    if not text:
        raise ValueError("a name is needed")
    return text


def _factor(text: str) -> float:
    try:
        return float(Fraction(text))
    except (ValueError, ZeroDivisionError):
        raise ValueError("a number or a fraction is needed, as 2 or 1/3") from None


def _above_zero(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0 < value < math.inf:
        raise ValueError("a number above 0")
    return value


def _decibels(text: str) -> float:
    if not re.fullmatch(r"\d+(\.\d+)?", text):
        raise ValueError("a PSNR in dB is needed")
    return float(text)


def _path(text: str) -> Path:
    return Path(text).expanduser()


def _new_file(text: str) -> Path:
    path = _path(text)
    if path.is_dir():
        raise ValueError("is a folder; name a file")
    if not path.parent.is_dir():
        raise ValueError(f"no such folder: {path.parent}")
    if not os.access(path.parent, os.W_OK | os.X_OK):
        raise ValueError(f"{path.parent} cannot be written")
    return path


def _boxes(text: str) -> Boxes:
    import yaml  # of which help has no need

    needed = "{IMAGE: [x, y, width, height], ...} is needed, in pixels of HR"
    try:
        found = yaml.safe_load(text)
    except (yaml.YAMLError, RecursionError):
        raise ValueError(needed) from None
    if not isinstance(found, dict):
        raise ValueError(needed)
    try:
        return {str(image): as_box(numbers) for image, numbers in found.items()}
    except ValueError:
        raise ValueError(needed) from None


def _new_pack(text: str) -> Path:
    if not text.endswith(".zip"):
        raise ValueError("a name that ends in .zip is needed")
    return _new_file(text)


TRUE_FALSE = Kind("true|false", _flag)
ON = Kind("true", _true)
NAME = Kind("NAME", _name)
FACTOR = Kind("FACTOR", _factor)
ABOVE_ZERO = Kind("N", _above_zero)
DECIBELS = Kind("PSNR", _decibels)
PATH = Kind("PATH", _path)
DIR = Kind("DIR", _path)
DIRS = Kind("DIR", weights_folders)
BOXES = Kind("{IMAGE: [X,Y,W,H]}", _boxes)
NEW_TABLE = Kind("FILE.csv", _new_file)
NEW_PACK = Kind("OUT.zip", _new_pack)
