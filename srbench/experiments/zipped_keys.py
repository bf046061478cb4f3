"""`zip=[model,checkpoint]`: swept keys of a grid whose values go together, first with first, instead of multiplying."""

import itertools
from collections.abc import Iterator, Mapping, Sequence

from hydra.core.override_parser.types import Override, QuotedString

from srbench.core.errors import UserError
from srbench.core.suggest import did_you_mean
from srbench.experiments.store.overrides import parse_override

ZIP = "zip"
UNIONS = ("ablation", "sweep")  # which multiply with nothing that could be left out

Zips = tuple[tuple[str, ...], ...]


def read_zips(override: Override | None, given: Mapping[str, Override]) -> Zips:
    """The groups of keys, as they are called in `given`, that an override of ZIP names; none where there is none.

    Raises UserError, naming the keys, for groups that are not lists of two keys or more, for a key that is not swept or
    is named twice, and for keys of unequally many values.
    """
    if override is None or not (value := override.value()):
        return ()
    told = override.input_line
    groups = value if isinstance(value, list) and all(isinstance(one, list) for one in value) else [value]
    found, swept = list[tuple[str, ...]](), {parse_override(key).key: key for key in given if _is_swept(given[key])}
    for group in groups:
        if not isinstance(group, list) or len(group) < 2 or not all(map(_is_word, group)):
            raise UserError(f"{told}: lists of swept keys are needed: [model,checkpoint] or [[model,checkpoint],[…]]")
        keys = [parse_override(_text(one)).key for one in group]
        for key in keys:
            if key not in swept:
                raise UserError(f"{told}: {_not_swept(key, given, swept)}")
        found.append(tuple(swept[key] for key in keys))
        if len(set(itertools.chain(*found))) < sum(map(len, found)):
            raise UserError(f"{told}: a key stands there twice")
        _check_lengths(told, found[-1], given)
    return tuple(found)


def combinations(words: Mapping[str, Sequence[str]], zips: Zips) -> Iterator[list[str]]:
    """The words of one run each, in the order of their keys: the product of the keys' words, in which those of a group
    of `zips` go together."""
    group_of = {key: group for group in zips for key in group}
    groups = dict.fromkeys(group_of.get(key, (key,)) for key in words)
    together = [list(zip(*(words[key] for key in group), strict=True)) for group in groups]
    for combination in itertools.product(*together):
        chosen = dict(zip(itertools.chain(*groups), itertools.chain(*combination), strict=True))
        yield [chosen[key] for key in words]


def _check_lengths(told: str | None, group: Sequence[str], given: Mapping[str, Override]) -> None:
    first, *others = ((key, sum(1 for _ in given[key].sweep_iterator())) for key in group)
    for key, count in others:
        if count != first[1]:
            raise UserError(f"{told}: {first[0]} has {first[1]} values, {key} has {count}; give each equally many")


def _not_swept(key: str, given: Mapping[str, Override], swept: Mapping[str, str]) -> str:
    if key in UNIONS:
        return f"{key} cannot be paired: its variants are all run with whatever else is swept"
    there = next((name for name in given if parse_override(name).key == key), None)
    if there is None:
        return f"{key} is not swept{did_you_mean(key, swept)}; give its values, as in {key}=A,B"
    return f"{key} is not swept, it has one value ({given[there].input_line}); {ZIP}=null pairs nothing"


def _is_swept(override: Override) -> bool:
    return override.is_sweep_override() and override.is_discrete_sweep()


def _is_word(value: object) -> bool:
    return isinstance(value, str | QuotedString)


def _text(value: str | QuotedString) -> str:
    return value.text if isinstance(value, QuotedString) else value
