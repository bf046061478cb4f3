"""Which slots of a pool are taken, and how many of a device may be at once: fewer once it has run out of memory."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from srbench.experiments.recording import Slot


@dataclass(eq=False)
class Stay:
    """A run's time in a slot. `beside`: the most others that were on its device at once since it began: of several that
    run out of memory together, each knows of the others, however soon they were gone."""

    slot: Slot
    beside: int


class Occupancy:
    """Slots, those that are free first come first served. `most`: at once, by device."""

    def __init__(self, slots: Sequence[Slot]) -> None:
        self.free, self.stays = list(slots), list[Stay]()
        self.most = Counter(slot.device for slot in slots)

    @property
    def has_room(self) -> bool:
        """Whether one more run may begin."""
        return self._next() is not None

    def enter(self) -> Stay:
        """Takes a slot. There must be room."""
        slot = self._next()
        assert slot is not None
        self.free.remove(slot)
        others = self._on(slot.device)
        for other in others:
            other.beside = max(other.beside, len(others))
        stay = Stay(slot, len(others))
        self.stays.append(stay)
        return stay

    def leave(self, stay: Stay) -> None:
        """Gives its slot back."""
        self.stays.remove(stay)
        self.free.append(stay.slot)

    def make_room(self, stay: Stay) -> int:
        """The number of runs that may be on the stay's device from now on: half of those that were there when its run
        ran out of memory, one at least."""
        device = stay.slot.device
        self.most[device] = min(self.most[device], max(1, (stay.beside + 1) // 2))
        return self.most[device]

    def _next(self) -> Slot | None:
        return next((slot for slot in self.free if len(self._on(slot.device)) < self.most[slot.device]), None)

    def _on(self, device: str) -> list[Stay]:
        return [stay for stay in self.stays if stay.slot.device == device]
