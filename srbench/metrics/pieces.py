"""Large images in pieces that overlap, so that what a convolutional network makes of them takes bounded memory."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product

WHOLE = 2048**2  # pixels; whole images above would take gigabytes
PIECE = 1280  # the side of what a piece counts, a multiple of all strides
MARGIN = 128  # what it sees beyond: more than any feature of AlexNet, VGG16, SqueezeNet and DISTS reaches


@dataclass(frozen=True)
class PieceSide:
    """A piece of a side of an image: what it sees, and what of it counts; `last`: the side ends with it."""

    seen_from: int
    seen_to: int
    begin: int
    end: int
    last: bool

    def counted(self, stride: int) -> slice:
        """Where in the features of that stride those lie that count. The last piece counts all up to its end."""
        stop = None if self.last else (self.end - self.seen_from) // stride
        return slice((self.begin - self.seen_from) // stride, stop)


@dataclass(frozen=True)
class Piece:
    """A rectangle of an image."""

    rows: PieceSide
    columns: PieceSide

    @property
    def seen(self) -> tuple[slice, slice]:
        """The pixels that the network is given."""
        return slice(self.rows.seen_from, self.rows.seen_to), slice(self.columns.seen_from, self.columns.seen_to)

    def counted(self, stride: int) -> tuple[slice, slice]:
        """The features of that stride that count: each of the image's in one piece."""
        return self.rows.counted(stride), self.columns.counted(stride)


def pieces_of(height: int, width: int) -> Iterator[Piece]:
    """Of an image; one for an image that is not large."""
    whole = height * width <= WHOLE
    for rows, columns in product(_spans(height, whole), _spans(width, whole)):
        yield Piece(rows, columns)


def _spans(length: int, whole: bool) -> list[PieceSide]:
    if whole:
        return [PieceSide(0, length, 0, length, last=True)]
    spans = []
    for begin in range(0, length, PIECE):
        end = min(begin + PIECE, length)
        spans.append(PieceSide(max(0, begin - MARGIN), min(end + MARGIN, length), begin, end, last=end == length))
    return spans
