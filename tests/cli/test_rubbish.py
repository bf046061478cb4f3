"""A study in which something is not what srbench left: the rest of it is reported, in one line each, whatever it is."""

import copy
import json
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis.strategies import data as drawn
from hypothesis.strategies import sampled_from

from srbench.cli.dispatch import perform
from srbench.experiments.store.study import open_study
from srbench.reports.report import build_report
from srbench.reports.write import write_files
from tests.reports.conftest import BASE, BASE_WORDS, OTHER, OTHER_WORDS, Builder, imaged, latency


def is_a(path: Path, make: Callable[[Path], object]) -> None:
    path.unlink()
    make(path)


RUBBISH: dict[str, Callable[[Path], object]] = {
    "empty": lambda path: path.write_bytes(b""),
    "half": lambda path: path.write_bytes(path.read_bytes()[: path.stat().st_size // 2]),
    "zeros": lambda path: path.write_bytes(b"\0" * path.stat().st_size),
    "foreign": lambda path: path.write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(range(256))),
    "text": lambda path: path.write_text("no such file\nno such line\n"),
    "an object": lambda path: path.write_text('{"status": "done"}'),
    "a list": lambda path: path.write_text("[1, 2]"),
    "null": lambda path: path.write_text("null"),
    "nested": lambda path: path.write_text("[" * 100_000),
    "nested and whole": lambda path: path.write_text('{"a":' * 900 + "1" + "}" * 900),
    "of another encoding": lambda path: path.write_text(
        path.read_text("latin-1").replace("a", "ä"), encoding="latin-1"
    ),
    "a long number": lambda path: path.write_text('{"schema": ' + "9" * 5000 + "}"),
    "a newer one": lambda path: path.write_text('{"schema": 99, "what": "ever"}'),
    "doubled": lambda path: path.write_bytes(path.read_bytes() * 2),
    "a folder": lambda path: is_a(path, Path.mkdir),
    "a pipe": lambda path: is_a(path, os.mkfifo),
    "a link to nothing": lambda path: is_a(path, lambda path: path.symlink_to("nowhere")),
    "a device": lambda path: is_a(path, lambda path: path.symlink_to("/dev/zero")),
    "with a doubled column": lambda path: path.write_text(
        "".join(f"{x},{x}\n" for x in path.read_text("latin-1").splitlines())
    ),
    "with strange lines": lambda path: path.write_text(
        path.read_text("latin-1") + 'inf,inf,0,1.0\nmain,1e300,0,1e300\nmain,-5,0,1\nmain,1,0,-inf\n"\n\0\0\n\xff,,,\n'
    ),
}
FILES = ("result.json", "scores.csv", "losses.csv", "logger.json")


@pytest.fixture(scope="module")
def good(tmp_path_factory) -> Path:
    """Three runs that are done, by two plans."""
    build = Builder(tmp_path_factory.mktemp("good") / "mine")
    for number, (place, words) in enumerate([(BASE, BASE_WORDS), (OTHER, OTHER_WORDS)]):
        left = imaged(set5=[30.0 + number, 31.0, 33.5]).with_facts(latency=(latency(20.0),))
        name = build.run("carn", place, words=words, hashed=f"0{number}", left=left)
        build.write_losses(name, {"main": [1 / step for step in range(1, 40)]})
        (build.folder / name / "logger.json").write_text('{"name": "wandb", "id": "x", "told": {}, "error": null}')
    build.run("bicubic", hashed="03", left=imaged(set5=[29.0, 30.0, 31.0]))
    return build.folder


@pytest.fixture
def study(good, tmp_path, monkeypatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return Path(shutil.copytree(good, "mine"))


def reported(capsys) -> str:
    """What status and report print, both of which end well."""
    capsys.readouterr()
    assert perform(["status", "mine"])
    assert perform(["report", "mine"])
    assert Path("reports/mine/table.md").is_file()
    return capsys.readouterr().out


@pytest.mark.parametrize("kind", RUBBISH)
@pytest.mark.parametrize("name", FILES)
def test_a_file_of_a_run_that_is_none_costs_no_more_than_its_run(study, name, kind, capsys):
    (folder,) = study.glob("carn-1-2-1-*")
    RUBBISH[kind](folder / name)
    told = reported(capsys)
    others = {"carn", "bicubic"} if name == "result.json" else {"carn"}
    assert others <= set(told.split())
    if name == "result.json" and kind not in ("a link to nothing", "with a doubled column", "with strange lines"):
        assert f"failed   {folder.name}  result.json: " in told
        assert "2 done, 1 failed" in told


@pytest.mark.parametrize("kind", RUBBISH)
def test_a_plan_that_is_none_is_named_and_the_others_hold(study, kind, capsys):
    path = sorted((study / "plans").iterdir())[-1]
    before = path.read_bytes()
    RUBBISH[kind](path)
    told = reported(capsys)
    assert "carn-1-1-1-x2-s0-00" in told
    if kind != "a link to nothing":
        assert f"note: {path}: " in told
    assert kind != "a newer one" or path.read_bytes() != before  # and nobody has touched it since


@pytest.mark.parametrize("kind", ["empty", "nested", "a pipe", "a newer one"])
def test_a_study_without_a_plan_that_can_be_read_is_one_line(study, kind, mistake):
    for path in (study / "plans").iterdir():
        RUBBISH[kind](path)
    for verb in ("status", "report", "verify", "explain"):
        assert mistake(verb, "mine").startswith("mine/plans/")


def places(value: Any, path: tuple = ()) -> Iterator[tuple]:
    """Where something stands in JSON."""
    yield path
    if isinstance(value, dict | list):
        for key, entry in value.items() if isinstance(value, dict) else enumerate(value):
            yield from places(entry, (*path, key))


def with_value(content: Any, path: tuple, value: Any) -> Any:
    changed = copy.deepcopy(content)
    if not path:
        return value
    node = changed
    for key in path[:-1]:
        node = node[key]
    node[path[-1]] = value
    return changed


STRANGE = [None, True, 0, -1, 10**400, 10**30, 1e30, 1e300, float("nan"), "", "x", "\ud800", "\u202e$\\alpa$", "../x"]
STRANGE += [[], [None], {}, {"a": 1}, [[["x"]]], "9" * 400]
TRIED = settings(
    max_examples=60, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


def tried(study: Path, path: Path, drawn_value: Any) -> None:
    """Puts a strange value anywhere into a JSON file; the study is reported, or the file named."""
    before = path.read_bytes()
    content = json.loads(before)
    place = drawn_value.draw(sampled_from(list(places(content))))
    path.write_text(json.dumps(with_value(content, place, drawn_value.draw(sampled_from(STRANGE)))))
    try:
        assert open_study(study).folders == (study,)  # one plan or another can be read
        write_files(build_report(open_study(study)), Path("reports"))
    finally:
        path.write_bytes(before)


@TRIED
@given(drawn())
def test_whatever_stands_in_a_record_the_study_is_reported(study, value):
    tried(study, next(study.glob("carn-1-2-1-*/result.json")), value)


@TRIED
@given(drawn())
def test_whatever_stands_in_a_plan_the_study_is_reported(study, value):
    tried(study, sorted((study / "plans").iterdir())[1], value)
