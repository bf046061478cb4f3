"""What the value of a key may be beyond its type: values that can be asked, and told of in a JSON Schema."""

from dataclasses import dataclass
from typing import Any

LARGEST_SEED = 2**63 - 1


@dataclass(frozen=True)
class AtLeast:
    """Holds of numbers from `least` to LARGEST_SEED, and of `words`."""

    least: int
    words: tuple[str, ...] = ()

    def __call__(self, value: Any) -> bool:
        return value in self.words if isinstance(value, str) else self.least <= value <= LARGEST_SEED


@dataclass(frozen=True)
class Above:
    """Holds of numbers above `bound`."""

    bound: int

    def __call__(self, value: Any) -> bool:
        return bool(value > self.bound)


@dataclass(frozen=True)
class OneOf:
    """Holds of these values."""

    values: tuple[str | bool, ...]

    def __call__(self, value: Any) -> bool:
        return value in self.values
