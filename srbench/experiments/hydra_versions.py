"""What differs between the versions of Hydra that srbench runs on, 1.3 and 1.4."""

from argparse import ArgumentParser
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import version

# Which Hydra's defaults hold: 1.3 wants to be told, and 1.4 not to be.
VERSION_BASE = {"version_base": "1.3"} if version("hydra-core").startswith("1.3.") else {}


@contextmanager
def help_unread() -> Iterator[None]:
    """Meanwhile argparse does not read the help of a flag that is added. Python 3.14's does, and refuses one of Hydra
    1.3, which makes its text when it is shown; 1.4 sees to it itself."""
    reads = getattr(ArgumentParser, "_check_help", None)
    if reads is None:
        yield
        return
    setattr(ArgumentParser, "_check_help", lambda parser, action: None)  # noqa: B010, which the types do not know
    try:
        yield
    finally:
        setattr(ArgumentParser, "_check_help", reads)  # noqa: B010
