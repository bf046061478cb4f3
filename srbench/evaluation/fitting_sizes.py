"""The sizes of LR that a network takes, found by trying, where its class does not say them."""

from collections.abc import Callable, Iterator

from srbench.models.traits import Traits

SIDE = 48  # pixels of LR
LARGER = (64, 96, 128, 192, 256)  # tried of a network that a size may be too small for
MULTIPLES = (*range(2, 17), 20, 24, 28, 32, 48, 64, 128)  # that networks are known to take
TILES = (256, 192, 128)

Fits = Callable[[int, int], bool]  # of LR of that height and width, whether the network makes SR of it


def fitting_traits(fits: Fits, least: int) -> Traits | None:
    """What the class of a network lacks that does not take LR of every size from `least` on: its `smallest_input`, or
    the `multiple` of its sides. None where neither helps."""
    if side := smallest_side(lambda side: fits(side, side + 1) and fits(side + 1, side), least, 1):
        return Traits(smallest_input=side)
    fitting = (multiple for multiple in MULTIPLES if all(fits(*size) for size in _sizes(multiple, least)))
    return next((Traits(multiple=multiple) for multiple in fitting), None)


def smallest_side(fits: Callable[[int], bool], small: int, step: int) -> int | None:
    """The side of LR from which on it fits, above `small`, which does not; `step`: its multiples alone. None where no
    larger one does."""
    large = next((side for side in (_up(one, step) for one in LARGER) if side > small and fits(side)), None)
    while large and large - small > step:
        middle = _up((small + large) // 2, step)
        small, large = (small, middle) if fits(middle) else (middle, large)
    return large


def to_say(traits: Traits, where: str = "the class") -> str:
    """What works, of either trait that `fitting_traits` finds, and how a class says it."""
    said = f"does work: say so in {where}, traits = "
    if (multiple := traits.multiple) > 1:
        return f'LR whose sides are multiples of {multiple} {said}{{"multiple": {multiple}}}, and srbench pads'
    side = traits.smallest_input
    return f'LR of {side} pixels a side and more {said}{{"smallest_input": {side}}}'


def cure_of_failure(fits: Fits, height: int, width: int, where: str) -> str:
    """What helps a network that fails on an image of that size. `where` its `traits` can stand: "the class"."""
    if fits(height, width):
        return "noise of that size does work: mend what its forward does with the values of this image"
    found = fitting_traits(fits, min(SIDE, height, width))
    if found and fits(*found.size_for(height, width)):
        return to_say(found, where)
    if tile := next((side for side in TILES if side < max(height, width) and fits(side, side)), None):
        return f"LR of {tile}×{tile} does work: set tile={tile} (of a run eval.tile)"
    return f'mend its forward, or say in {where} what it takes: traits = {{"multiple": 8}}, {{"smallest_input": 16}}'


def _sizes(multiple: int, least: int) -> Iterator[tuple[int, int]]:
    """Two sizes whose sides are odd multiples, so that they are none of 2 · multiple."""
    odd = -(-least // multiple) | 1
    yield multiple * odd, multiple * (odd + 2)
    yield multiple * (odd + 4), multiple * odd


def _up(length: int, multiple: int) -> int:
    return -(-length // multiple) * multiple
