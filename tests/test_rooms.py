"""The layout of design.md: ten rooms and a front door, in which a room imports only from those above it."""

import ast
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import srbench

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
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
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


def trees() -> Iterator[tuple[Path, ast.Module]]:
    for _, file in modules():
        yield file, ast.parse(file.read_text())


def test_nothing_else_lies_beside_the_rooms():
    files = {path.name for path in PACKAGE.iterdir() if path.is_file()}
    assert files == {"__init__.py", "__main__.py", "py.typed"}


def test_no_two_files_have_one_name():
    counts = Counter(file.name for _, file in modules() if file.name != "__init__.py")
    assert not [name for name, count in counts.items() if count > 1]


def test_no_two_public_names_are_the_same():
    kinds = (ast.FunctionDef, ast.ClassDef)
    names = Counter(node.name for _, tree in trees() for node in tree.body if isinstance(node, kinds))
    assert not [name for name, count in names.items() if count > 1 and not name.startswith("_")]


def test_no_function_takes_more_than_eight_arguments_but_public_ones_and_constructors_of_models_and_recipes():
    assert not [
        f"{file.relative_to(PACKAGE)}:{node.lineno} {node.name}"
        for file, tree in trees()
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef)
        and len([one for one in ast.walk(node.args) if isinstance(one, ast.arg) and one.arg not in ("self", "cls")]) > 8
        and not (node.name == "__init__" and file.parent.name in ("models", "recipes"))
        and node.name not in srbench.__all__
    ]
