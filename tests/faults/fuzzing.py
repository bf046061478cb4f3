"""What the tests with random rubbish have in common: how many examples, and how a file is broken."""

from hypothesis import HealthCheck, settings
from hypothesis.strategies import SearchStrategy, binary, builds, integers, one_of, sampled_from, tuples

Break = tuple[str, int, int, bytes]  # what is done, at which place, to how many bytes, with which

SLOW = [HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.data_too_large]


def tries(number: int) -> settings:
    """So many examples, the same ones each time."""
    return settings(max_examples=number, deadline=None, derandomize=True, suppress_health_check=SLOW, database=None)


KINDS = ("cut off", "left out", "twice", "replaced", "put in")
breaks: SearchStrategy[Break] = tuples(
    sampled_from(KINDS), integers(0, 10**6), integers(1, 64), one_of(binary(max_size=8), builds(bytes, integers(1, 64)))
)


def broken(content: bytes, how: Break) -> bytes:
    """The content with a part cut off, left out, doubled or replaced, or with others put in."""
    kind, place, length, other = how
    start = place % (len(content) + 1)
    end = min(len(content), start + length)
    if kind == "cut off":
        return content[:start]
    middle = {"left out": b"", "twice": 2 * content[start:end], "replaced": other, "put in": other + content[start:end]}
    return content[:start] + middle[kind] + content[end:]
