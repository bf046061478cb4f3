"""Names that anybody may choose: of stages, variants and models. They do nothing, and lead nowhere else."""

import csv
import re
import shlex
from io import StringIO
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis.strategies import text

from srbench.core.errors import UserError
from srbench.core.harmless import as_cell, in_one_line
from srbench.core.paths import conf_folder
from srbench.experiments.spec import _plain
from srbench.reports.markups import in_latex
from tests.faults.fuzzing import tries

names = text(alphabet="=+-@\t\r\n'\"<>&$`|;!*?#~^_%{}[]()\\/. .a0é\u202e\0", max_size=12)


@pytest.mark.parametrize(
    "name", ["../../x", "a,b", '"a\\nb"', '"=1+1"', '""', "a b", "x" * 51, '"\\e[31m"', '"\\0"', "con/aux", "."]
)
def test_a_stage_whose_name_no_file_or_row_can_hold_is_refused_before_it_is_trained(plan, tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    Path("conf/recipe").mkdir(parents=True)
    supervised = (conf_folder() / "recipe/supervised.yaml").read_text()
    Path("conf/recipe/mine.yaml").write_text(supervised.replace("  pixel:", f"  {name}:"))
    with pytest.raises(UserError, match=r"recipe\.stages\.(?s:.*): a stage is named by letters, digits, _ and -"):
        plan("recipe=mine")


@tries(200)
@given(names)
def test_the_folder_of_a_run_lies_where_it_is_looked_for(name):
    folder = Path(f"{_plain(name)}-{_plain(name)}-x2-s0-0a1b2c3d")
    assert folder.parts == (str(folder),)
    assert re.fullmatch(r"[\w.+-]+", str(folder))


@tries(200)
@given(names)
def test_a_spreadsheet_reads_a_name_and_computes_nothing(name):
    line = StringIO()
    csv.writer(line, lineterminator="\n").writerow([as_cell(in_one_line(name)), "end"])
    (cells,) = csv.reader(StringIO(line.getvalue()))
    assert cells[-1] == "end"
    assert not cells[0].startswith(("=", "@", "\t", "\r"))
    assert not cells[0].startswith(("+", "-")) or float(cells[0]) is not None


@tries(200)
@given(names)
def test_latex_reads_no_command_in_a_name(name):
    left = re.sub(
        r"\\[`'^~=u.\"rHvc]\{[A-Za-z]\}|\\(text\w+\{\}|ldots\{\}|[&%$#_{}])|\{[\[\]*]\}|\$\\?\w+\$", "", in_latex(name)
    )
    assert not set(left) & set("\\{}$%&#_^~|*[]<>")


@tries(200)
@given(names)
def test_a_command_that_was_told_is_the_same_when_a_shell_reads_it(name):
    words = ["python", "-m", "srbench", f"study={name}"]
    assert shlex.split(shlex.join(words)) == words
