"""Durations and sizes that are estimates, in words that claim no more than is known: two digits at most."""

UNITS = (("s", 1.0), ("min", 60.0), ("h", 3600.0), ("days", 86400.0))


def about_seconds(seconds: float) -> str:
    """`≈ 40 s`, `≈ 4 min`, `≈ 1.5 h`, `≈ 12 days`; `< 1 s` for less."""
    if seconds < 1:
        return "< 1 s"
    # A unit is used from 1.5 of it on, so that 80 s are told from 60.
    unit, length = next((unit, length) for unit, length in reversed(UNITS) if seconds >= 1.5 * length or length == 1)
    return f"≈ {_two_digits(seconds / length)} {unit}"


def about_bytes(number: float) -> str:
    """`≈ 1.2 GB`, `≈ 340 MB`."""
    return f"≈ {_two_digits(number / 1e9)} GB" if number >= 0.995e9 else f"≈ {_two_digits(number / 1e6)} MB"


def _two_digits(number: float) -> str:
    return f"{float(f'{number:.2g}'):,.10g}"
