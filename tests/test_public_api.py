"""`import srbench`: what it holds, that it takes no time, and that the examples in its documentation are true."""

import doctest
import inspect
import re
import subprocess
import sys
from pathlib import Path

import pytest

import srbench
from srbench.experiments.store.plans import write_plan
from srbench.experiments.store.record import write_record
from tests.builders import member, plan, planned, record

FUNCTIONS = sorted({*srbench.__all__} - {"UserError", "__version__"})
PAGE = Path(__file__).parents[1] / "docs/reference/python.md"


def test_what_is_public_is_there():
    assert all(getattr(srbench, name) is not None for name in srbench.__all__)
    assert {*srbench.__all__} <= {*dir(srbench)}
    assert issubclass(srbench.UserError, Exception)
    assert re.match(r"\d+\.\d+\.\d+", srbench.__version__)


def test_another_name_is_none():
    with pytest.raises(AttributeError, match="module srbench has no attribute lode"):
        srbench.lode  # noqa: B018


def test_the_import_brings_nothing_else_with_it():
    told = "import sys; before = {*sys.modules}; import srbench; print(sorted({*sys.modules} - before))"
    done = subprocess.run([sys.executable, "-c", told], capture_output=True, text=True, check=True)
    modules = set(eval(done.stdout))
    assert "srbench" in modules
    assert not modules & {"torch", "numpy", "pandas", "hydra", "lightning", "srbench.core"}


def test_the_page_and_the_code_name_the_same():
    told = re.findall(r"^::: srbench\.(?:[\w.]*\.)?(\w+)$", PAGE.read_text(encoding="utf-8"), re.MULTILINE)
    assert sorted(told) == sorted({*srbench.__all__} - {"__version__"})


@pytest.fixture
def with_data(tmp_path, monkeypatch, shared):
    """A folder with Set5 in data/, and a study of two variants."""
    monkeypatch.chdir(tmp_path)
    Path("data").symlink_to(shared / "data", target_is_directory=True)
    names = {}
    for variant, psnr in (("narrow", 33.1), ("wide", 33.4)):
        place = member("width", variant, variant == "narrow")
        names[f"carn-{variant}"] = planned(variant=variant, memberships=(place,), config_hash=variant)
        done = record(
            run=f"carn-{variant}",
            variant=variant,
            config_hash=variant,
            memberships=(place,),
            scores={"set5": {"psnr": psnr}},
        )
        folder = Path("runs/carn_width", f"carn-{variant}")
        folder.mkdir(parents=True)
        write_record(folder, done)
    write_plan(Path("runs/carn_width"), plan("carn_width", **names))


@pytest.mark.parametrize("name", FUNCTIONS)
def test_its_example_is_true(name, with_data):
    function = getattr(srbench, name)
    found = doctest.DocTestFinder(recurse=False).find(function, name, globs={"srbench": srbench})
    examples = [example for one in found for example in one.examples]
    assert examples
    assert any(f"{name}(" in example.source for example in examples)
    told: list[str] = []
    for one in found:
        doctest.DocTestRunner(optionflags=doctest.NORMALIZE_WHITESPACE).run(one, out=told.append)
    assert not "".join(told)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_it_is_typed(name):
    signature = inspect.signature(getattr(srbench, name))
    assert signature.return_annotation is not inspect.Signature.empty
    assert all(one.annotation is not inspect.Parameter.empty for one in signature.parameters.values())
