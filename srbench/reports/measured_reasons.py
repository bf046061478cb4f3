"""Why a measured score is not the published one, by what `explain` has measured on the run's own images."""

from collections.abc import Iterable

from pandas import DataFrame

OWN = "the run's protocol"
KEYS = {"rounded luma, border = scale": "protocol=y_uint8", "RGB, border = scale": "protocol=rgb"}
HALF = 0.5 + 1e-6  # of the last printed digit
SSIM_DIGITS = 4
MOST = 3  # conventions that are named


def measured_reason(rows: DataFrame, psnr: float, ssim: float | None) -> str:
    """The conventions under which the images have the published PSNR, and SSIM where one is published, to the digits
    that are printed; else that there is none, and the nearest. "" where nothing was measured.

    `rows`: of explain.csv, those of the run on the data set.
    """
    others = rows[(rows.convention != OWN) & rows.psnr.notna()]
    if others.empty:
        return ""
    digits = psnr_digits(psnr)
    alike = others[(others.psnr - psnr).abs() <= HALF * 10**-digits]
    if alike.empty:
        nearest = others.iloc[int((others.psnr - psnr).abs().argmin())]
        return (
            f"no convention of explain gives {psnr:.{digits}f}; the nearest is {_named([nearest.convention])}: "
            f"{nearest.psnr:.3f} and SSIM {nearest.ssim:.4f}"
        )
    if ssim is None:
        return f"{_named(alike.convention)}: {psnr:.{digits}f}, as published"
    both = alike[(alike.ssim - ssim).abs() <= HALF * 10**-SSIM_DIGITS]
    if both.empty:
        found = ", ".join(f"{value:.4f}" for value in dict.fromkeys(alike.ssim.round(4)))
        return f"{_named(alike.convention)}: {psnr:.{digits}f}, as published, but SSIM {found}"
    return f"{_named(both.convention)}: {psnr:.{digits}f} and SSIM {ssim:.4f}, as published"


def psnr_digits(psnr: float) -> int:
    """Those that a published PSNR is printed with: two, or four where it has more."""
    return 2 if psnr == round(psnr, 2) else 4


def _named(conventions: Iterable[str]) -> str:
    names = [f"{one} ({KEYS[one]})" if one in KEYS else one for one in conventions]
    more = f" or {len(names) - MOST} more" if len(names) > MOST else ""
    return " or ".join(names[:MOST]) + more
