"""From the words of a command line to the verb that they call."""

from collections.abc import Sequence

from srbench.cli.parse import parse
from srbench.cli.usage import help_of, overview
from srbench.cli.verbs import VERBS
from srbench.core.errors import UserError
from srbench.core.suggest import did_you_mean

HELP = ("--help", "-h")


def calls_a_verb(words: Sequence[str]) -> bool:
    """Whether the first word is a verb, or one misspelt: a bare name, which means nothing to Hydra."""
    return bool(words) and words[0].isidentifier()


def perform(words: Sequence[str]) -> bool:
    """Does what the words ask for, or prints the help of their verb, and returns whether all is well.

    Raises UserError for words that are wrong, and what the verb raises.
    """
    names = {verb.about.name: verb for verb in VERBS}
    name = next((name for name in (words[0], " ".join(words[:2])) if name in names), None)
    if name is None:
        return _show_group(words)
    rest = words[len(name.split()) :]
    if any(word in HELP for word in rest):
        print(help_of(names[name]))
        return True
    return parse(names[name], rest).do()


def _show_group(words: Sequence[str]) -> bool:
    """Prints the verbs that begin with the first word, `data`. UserError where none does, or none goes on as told."""
    group = {verb.about.name.partition(" ")[2]: verb for verb in VERBS if verb.about.name.startswith(f"{words[0]} ")}
    if not group:
        first = {verb.about.name.partition(" ")[0] for verb in VERBS}
        near = did_you_mean(words[0], first)
        raise UserError(f"{words[0]}: no such command{near}; a run has none: python -m srbench model=fsrcnn")
    if words[1:] and words[1] not in HELP:
        raise UserError(f"{words[0]} {words[1]}: no such command{did_you_mean(words[1], group)}")
    print(overview(group.values()))
    return True
