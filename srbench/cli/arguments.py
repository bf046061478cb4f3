"""What a verb is told: places, and options in the form key=value."""

from srbench.core.errors import UserError


def parsed(usage: str, words: list[str], number: int, options: dict[str, str]) -> tuple[list[str], dict[str, str]]:
    """Positional words and key=value words. Raises UserError, with the usage, for too few, too many or unknown ones."""
    if "--help" in words or "-h" in words:
        print(f"usage: python -m srbench {usage}")
        raise SystemExit(0)
    given = dict(word.split("=", 1) for word in words if "=" in word and word.split("=", 1)[0].isidentifier())
    places = [word for word in words if "=" not in word or not word.split("=", 1)[0].isidentifier()]
    unknown = [key for key in given if key not in options]
    if len(places) != number or unknown:
        wrong = f"{unknown[0]}=: no such option" if unknown else f"{_places(number)} needed, not {len(places)}"
        raise UserError(f"{wrong}; usage: python -m srbench {usage}")
    return places, options | given


def _places(number: int) -> str:
    return "1 place is" if number == 1 else f"{number} places are"
