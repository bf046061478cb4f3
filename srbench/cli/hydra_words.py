"""A command line of the Hydra app: flags, which may stand anywhere, and the words between them."""

from argparse import Namespace
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NoReturn

from hydra._internal.utils import get_args_parser
from hydra.core.override_parser.overrides_parser import OverridesParser

from srbench.core.errors import UserError
from srbench.experiments.hydra_versions import help_unread
from srbench.experiments.spelling import spelled
from srbench.experiments.store.overrides import parse_override


@dataclass(frozen=True)
class CommandLine:
    """`flags`: Hydra's own, with their values; `overrides`: `key=value`, in Hydra's grammar; `asked`: what the flags
    say."""

    flags: list[str]
    overrides: list[str]
    asked: Namespace

    @property
    def is_grid(self) -> bool:
        """Whether several runs may be asked for."""
        return self.asked.multirun or "hydra.mode=MULTIRUN" in self.overrides

    @property
    def shows(self) -> bool:
        """Whether it only asks what there is."""
        one = self.asked
        return bool(one.cfg or one.info or one.help or one.hydra_help or one.shell_completion)


def command_line(words: Sequence[str]) -> CommandLine:
    """The words, flags apart: argparse, which Hydra uses, would take overrides in one piece only. UserError for a flag
    that Hydra has not, and for an override that cannot be meant."""
    with help_unread():
        parser = get_args_parser()
    parser.error = _refuse  # type: ignore[method-assign]
    asked = parser.parse_intermixed_args(words)
    left = list(asked.overrides)
    flags = [word for word in words if not (left[:1] == [word] and left.pop(0))]
    line = CommandLine(flags, asked.overrides, asked)
    if asked.shell_completion:
        return line
    words = spelled(asked.overrides, line.is_grid)
    return CommandLine(flags, _of_each_run(words) if line.is_grid else words, asked)


def _of_each_run(words: list[str]) -> list[str]:
    """The words of a grid such that Hydra looks for the keys of a group in each of its swept options, and not in the
    default one: as a sweep over one value."""
    values = [parse_override(word) for word in words]
    sweeps = [parsed.is_sweep_override() for parsed in OverridesParser.create().parse_overrides(words)]
    swept = {one.key for one, is_sweep in zip(values, sweeps, strict=True) if is_sweep}
    return [
        word.replace(f"={one.value}", f"=choice({one.value})", 1)
        if one.root in swept and one.key != one.root and one.value and not is_sweep
        else word
        for word, one, is_sweep in zip(words, values, sweeps, strict=True)
    ]


def _refuse(message: str) -> NoReturn:
    raise UserError(f"{message}; see: python -m srbench --help, and --hydra-help for Hydra's own flags")
