"""Parts of networks that are the same at every scale: where only sizes matter, one serves all scales."""

from collections import Counter
from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from torch import nn


class PartsOnMeta:
    """What networks that are built within `shared`, one after another on torch's meta device, have in common."""

    def __init__(self) -> None:
        self._made: dict[Hashable, list[nn.Module]] = {}
        self._taken = Counter[Hashable]()

    @contextmanager
    def shared(self) -> Iterator[None]:
        """Within, one network is built; it takes no part twice."""
        self._taken.clear()
        before = _parts.set(self)
        try:
            yield
        finally:
            _parts.reset(before)

    def take(self, make: Callable[..., nn.Module], *sizes: int) -> nn.Module:
        """A part that an earlier network has, or a new one."""
        key = make, sizes
        made, number = self._made.setdefault(key, []), self._taken[key]
        if number == len(made):
            made.append(make(*sizes))
        self._taken[key] += 1
        return made[number]


_parts: ContextVar[PartsOnMeta | None] = ContextVar("parts", default=None)


def scale_free(make: Callable[..., nn.Module], *sizes: int) -> nn.Module:
    """`make(*sizes)`, of a part so large that its network's sizes at several scales take a while."""
    parts = _parts.get()
    return parts.take(make, *sizes) if parts else make(*sizes)
