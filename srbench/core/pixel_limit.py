"""How many pixels an image file may claim to hold: one limit of the process, whatever decodes the file."""

from dataclasses import dataclass

from srbench.core.errors import UserError

MEGAPIXELS = 1000.0  # what conf/config.yaml says, too


@dataclass
class _Limit:
    megapixels: float = MEGAPIXELS


_limit = _Limit()


def pixel_limit() -> float:
    """In millions of pixels (10⁶)."""
    return _limit.megapixels


def limit_pixels(megapixels: float) -> None:
    """Sets the limit for this process, as `max_megapixels` says."""
    _limit.megapixels = megapixels


def check_pixels(what: object, height: int, width: int) -> None:
    """Raises UserError, naming `what`, for a size beyond the limit."""
    found = height * width / 1e6
    if found > pixel_limit():
        enough = int(found) + 1
        raise UserError(
            f"{what}: {width}×{height} are {found:,.0f} megapixels, more than max_megapixels={pixel_limit():g}; "
            f"where that is meant, set max_megapixels={enough}"
        )
