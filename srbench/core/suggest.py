"""Names in a message: what the user may have meant, and some of many."""

from collections.abc import Iterable, Sequence
from difflib import get_close_matches


def did_you_mean(name: str, names: Iterable[str]) -> str:
    """`, did you mean X? (also: Y, Z)` for the nearest of `names`; else what there is."""
    known = sorted(map(str, names))
    near = get_close_matches(name, known, n=1, cutoff=0.6)
    if not known:
        return ""
    if not near:
        return f" (there are {', '.join(known)})"
    others = [other for other in known if other != near[0]]
    return f", did you mean {near[0]}?" + (f" (also: {', '.join(others)})" if others else "")


def some_of(names: Sequence[str], most: int) -> str:
    """The first of the names, and how many more there are: "a, b and 3 more"."""
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more
