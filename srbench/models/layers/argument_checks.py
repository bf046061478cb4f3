"""Constructor arguments that a network refuses, in a sentence that names the argument and the choices."""

MOST_CHANNELS = 10_000  # up to which divisors are looked for


def check_choice(name: str, value: object, *choices: object) -> None:
    """Raises ValueError, naming the argument and the choices, for a value that is none of them."""
    if value not in choices:
        raise ValueError(f"{name} is {value!r}: choose from {', '.join(map(str, choices))}.")


def check_groups(width: int, **groups: int) -> None:
    """Raises ValueError, naming the argument and the divisors, for groups that do not divide the channels."""
    for name, value in groups.items():
        if not 0 < value <= width or width % value:
            divisors = [n for n in range(1, min(width, MOST_CHANNELS) + 1) if width % n == 0]
            raise ValueError(f"{name} is {value}, which does not divide width {width}: choose from {divisors}.")
