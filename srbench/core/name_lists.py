"""Lists of names, as somebody gives them from Python."""

from collections.abc import Iterable

from srbench.core.errors import UserError


def name_list(names: Iterable[str], key: str) -> tuple[str, ...]:
    """The names. UserError, naming `key`, for one name where a list of them is needed, which Python would take for a
    list of its letters, and for what are no names."""
    if isinstance(names, str):
        raise UserError(f'{key}="{names}": a list is needed, ["{names}"]')
    found = tuple(names) if isinstance(names, Iterable) else (names,)
    if not all(isinstance(name, str) for name in found):
        raise UserError(f'{key}={names}: a list of names is needed, as in ["…"]')
    return found
