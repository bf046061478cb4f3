"""What image files say and `read_image` does not take over: alpha, colour profiles, CMYK, pictures, depth; and images
of formats that are not read."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from io import BytesIO
from pathlib import Path

from PIL import ImageCms

from srbench.core.errors import UserError
from srbench.core.pixel_format import Bits
from srbench.data.decode import Header, bits_of, header
from srbench.data.images import SUFFIXES, images_of_other_formats

MOST_NAMED = 5
GAMMA = 0.45455  # of sRGB, as PNG has it
TINY_SRGB = ("c2", "uRGB")  # names of small copies of sRGB's profile


def unread(files: Iterable[Path], bits: Bits = 8) -> Iterator[str]:
    """A line on each thing, with the files of which it holds; nothing of files that cannot be read. `bits`: that are
    read."""
    found = defaultdict[str, list[Path]](list)
    for file in files:
        with suppress(UserError):  # it is told where the pixels are read
            for line in _of_header(header(file), bits):
                found[line].append(file)
    yield from _by_line(found)


def shallow(files: Iterable[Path]) -> Iterator[str]:
    """A line on those that have more than 8 bits a channel, if there are any."""
    found = defaultdict[str, list[Path]](list)
    for file in files:
        with suppress(UserError):
            if (bits := bits_of(file)) > 8:
                found[_of_depth(bits)].append(file)
    yield from _by_line(found)


def in_other_formats(folders: Iterable[Path]) -> Iterator[str]:
    """A line on the images that lie there and count nowhere, as their format is not read, if there are any."""
    if files := [file for folder in folders for file in images_of_other_formats(folder)]:
        yield from _by_line({f"left out: no format that is read ({', '.join(sorted(SUFFIXES))})": files})


def _by_line(found: Mapping[str, Sequence[Path]]) -> Iterator[str]:
    for line, of in found.items():
        more = f" and {len(of) - MOST_NAMED} more" if len(of) > MOST_NAMED else ""
        yield f"{', '.join(map(str, of[:MOST_NAMED]))}{more}: {line}"


def _of_depth(bits: int) -> str:
    return f"{bits} bits a channel become 8"


def _of_header(told: Header, bits: Bits) -> Iterator[str]:
    if told.alpha:
        yield "alpha is left out"
    if told.cmyk:
        yield "CMYK becomes RGB by the plain formula, without a profile"
    elif told.profile and not _is_srgb(name := _name_of(told.profile)):
        yield f"the colour profile ({name}) is left out: values are taken as they stand, as if they were sRGB's"
    elif not told.profile and told.gamma and abs(told.gamma - GAMMA) > 0.01:
        yield f"the gamma of the file ({told.gamma:g}) is left out: values are taken as they stand, as if sRGB's"
    if told.bits > bits:
        yield _of_depth(told.bits)
    if told.pictures > 1:
        yield f"of {told.pictures} pictures in the file the first is read"


def _is_srgb(name: str) -> bool:
    return "srgb" in name.lower() or name in TINY_SRGB


def _name_of(profile: bytes) -> str:
    try:
        return ImageCms.getProfileDescription(ImageCms.ImageCmsProfile(BytesIO(profile))).strip() or "without a name"
    except (ImageCms.PyCMSError, OSError):
        return "which is broken"
