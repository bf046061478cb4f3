"""The layout of design.md: ten rooms and a front door, in which a room imports only from those above it."""

import ast
from collections.abc import Iterator
from pathlib import Path

PACKAGE = Path(__file__).parents[1] / "srbench"
ROOMS = (
    *("core", "data", "models", "metrics", "evaluation", "recipes", "experiments", "reports", "audits", "cli"),
    "__main__",
)


def modules() -> Iterator[tuple[str, Path]]:
    """Room and file of every module."""
    for file in sorted(PACKAGE.rglob("*.py")):
        yield file.relative_to(PACKAGE).parts[0].removesuffix(".py"), file


def imported(file: Path) -> Iterator[str]:
    """The modules of srbench that a file imports, anywhere in it."""
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.ImportFrom) and (node.module or "").partition(".")[0] == "srbench":
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name.partition(".")[0] == "srbench")


def test_a_room_imports_only_from_the_rooms_above_it():
    upwards = [
        f"{file.relative_to(PACKAGE)} imports {name}"
        for room, file in modules()
        for name in imported(file)
        if room != "__init__" and ROOMS.index(name.split(".")[1]) > ROOMS.index(room)
    ]
    assert not upwards
