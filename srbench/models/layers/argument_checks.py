"""Constructor arguments that a network refuses, in a sentence that names the argument and the choices."""


def check_choice(name: str, value: object, *choices: object) -> None:
    """Raises ValueError, naming the argument and the choices, for a value that is none of them."""
    if value not in choices:
        raise ValueError(f"{name} is {value!r}: choose from {', '.join(map(str, choices))}.")


def check_groups(width: int, **groups: int) -> None:
    """Raises ValueError, naming the argument and the divisors, for groups that do not divide the channels."""
    divisors = [n for n in range(1, width + 1) if width % n == 0]
    for name, value in groups.items():
        if value not in divisors:
            raise ValueError(f"{name} is {value}, which does not divide width {width}: choose from {divisors}.")
