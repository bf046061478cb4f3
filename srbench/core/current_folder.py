"""Whether modules of the current folder are found: classes of one's own are, what a study from elsewhere brings is not.

Nothing is imported here but what Python has imported already: a file of the current folder could stand in for it.
"""

# ruff: noqa: PTH109  nor pathlib

import os
import sys

OTHERS_VERBS = ("report", "status", "verify", "explain", "score", "resize", "data")  # they read what others made


def find_own_modules(words: list[str]) -> None:
    """Has a command find modules in the current folder first, by whichever of `python -m srbench` and `srbench` it is
    called. A verb that reads studies or images, and builds no network of one's own, as `data prepare` may, finds none
    there: a folder with a study in it may hold a pandas.py. With `allow=`, which names classes of somebody's, it does,
    but after all that is installed.

    `python -P` leaves the current folder out of everything. Where srbench itself lies in the current folder, it stays.
    """
    folder = os.getcwd()
    if sys.flags.safe_path or __file__.startswith(f"{folder}{os.sep}srbench{os.sep}"):
        return
    if words[:1] and words[0] in OTHERS_VERBS and words[:2] != ["data", "prepare"]:
        if sys.path[:1] in ([""], [folder]):
            del sys.path[0]
        if any(word.startswith("allow=") for word in words):
            sys.path.append(folder)
    elif folder not in sys.path:
        sys.path.insert(0, folder)
