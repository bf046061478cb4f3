"""What a model may say of itself beside its `scale`: one value, `traits`, of the class or of the module.

class Mine(nn.Module):
    traits = Traits(multiple=8)
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, fields
from numbers import Integral
from typing import TYPE_CHECKING, Any

from srbench.core.errors import UserError
from srbench.core.pixel_format import Bits, PixelFormat
from srbench.core.suggest import did_you_mean

if TYPE_CHECKING:
    from torch import nn


@dataclass(frozen=True)
class Traits:
    """`scales`: those that the model has an upsampler each for; its `scale`, which may be set, chooses. `thumbnail`:
    side of the square picture of the whole LR image that `forward` takes besides; None: none. `shuffle_thumbnails`:
    in an evaluation each image is given another one's. `smallest_input`: the least side of LR; `multiple`: sides of LR
    are padded to multiples of it. `whole_image_statistics`: tiles change the result. `embedding`: length of the vector
    of the whole LR image that `embed(lr, thumbnail)` gives, (N, embedding); None: there is no such method.
    `untrained_arguments`: of the class's constructor, that change what it does in eval mode alone: runs that differ in
    nothing else are trained once, where one is done before another begins."""

    scales: tuple[int, ...] = ()
    thumbnail: int | None = None
    shuffle_thumbnails: bool = False
    smallest_input: int = 1
    multiple: int = 1
    whole_image_statistics: bool = False
    embedding: int | None = None
    untrained_arguments: tuple[str, ...] = ()

    def size_for(self, height: int, width: int) -> tuple[int, int]:
        """The least height and width of LR, not below these, that the model takes."""
        rows, columns = (-(-max(length, self.smallest_input) // self.multiple) for length in (height, width))
        return rows * self.multiple, columns * self.multiple


WRAPPERS = ("DataParallel", "DistributedDataParallel")  # torch's, which show nothing of what they hold


def bare_network(model: Any) -> Any:
    """The network itself, without what runs it on several devices."""
    return model.module if type(model).__name__ in WRAPPERS else model


def image_channels_of(model: Any) -> int:
    """Of the images that a model takes and gives: its `image_channels`; 3 where it says nothing."""
    return int(getattr(bare_network(model), "image_channels", 3))


def format_for(model: Any) -> PixelFormat:
    """Of images of 8 bits that a model takes. ValueError for one of other than 3 channels or 1."""
    return PixelFormat(channels=image_channels_of(model))  # type: ignore[arg-type]


def use_bits(model: Any, bits: Bits) -> None:
    """Tells a network that looks at values as whole numbers, as bicubic does, of how many bits: its `image_bits`."""
    bare = bare_network(model)
    if hasattr(bare, "image_bits"):
        bare.image_bits = bits


def traits_of(model: Any) -> Traits:
    """The `traits` of a model or its class, as a Traits or as a mapping; a model that has none has the defaults.

    Raises ValueError for a trait that does not exist.
    """
    told: Any = getattr(bare_network(model), "traits", None)
    if told is None:
        return Traits()
    if isinstance(told, property):  # of a class whose modules tell each for itself
        return Traits()
    if isinstance(told, Traits):
        return told
    known = [field.name for field in fields(Traits)]
    for name in told:
        if name not in known:
            named = model if isinstance(model, type) else type(model)
            raise ValueError(f"{named.__name__} has no trait {name}{did_you_mean(str(name), known)}")
    return Traits(**told)


def whole_scale(scale: object) -> int:
    """A scale that somebody gives from Python. UserError for what is no whole number from 1 on."""
    whole = isinstance(scale, Integral) or (isinstance(scale, float) and scale.is_integer())
    if isinstance(scale, bool) or not whole or int(scale) < 1:  # type: ignore[call-overload]
        raise UserError(f"scale={scale!r}: a whole number from 1 on is needed")
    return int(scale)  # type: ignore[call-overload,no-any-return]


@contextmanager
def at_scale(model: "nn.Module", scale: int) -> Iterator[None]:
    """Within, a model of several scales is one of `scale`; then as it was."""
    own: Any = getattr(bare_network(model), "scale", None)
    use_scale(model, scale)
    try:
        yield
    finally:
        use_scale(model, own)


def use_scale(model: "nn.Module", scale: int) -> None:
    """Makes a model of several scales one of `scale`; another is left as it is."""
    if traits_of(model).scales:
        bare_network(model).scale = scale
