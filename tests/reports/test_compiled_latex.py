"""table.tex goes through a real LaTeX as it is, whatever names stand in it, and stays on the page."""

import re
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from srbench.experiments.store.plans import new_plan, write_plan
from srbench.experiments.store.record import Membership
from srbench.experiments.store.study import open_study
from srbench.reports.latex import to_latex
from srbench.reports.report import build_report
from tests.builders import planned
from tests.reports.conftest import BASE, Builder, Outcome, failed
from tests.reports.test_markups import HOSTILE

DOCUMENT = r"""\documentclass{article}
\usepackage{booktabs,graphicx}
\begin{document}
\input{table.tex}
\end{document}
"""
MORE = ("Ångström é ï ž ç – — “x” ‘y’ µ ° ß α ✓ 🙂", "a--b ---c", "`` ?` !`", "[1] * \\\\ \\end{document}", "é" * 200)


def compiled(folder: Path, table: str) -> tuple[str, bytes]:
    """What LaTeX says, and the PDF; skips where there is no LaTeX."""
    (folder / "table.tex").write_text(table)
    (folder / "document.tex").write_text(DOCUMENT)
    if shutil.which("pdflatex"):
        command = ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "document.tex"]
    elif shutil.which("tectonic"):
        command = ["tectonic", "--keep-logs", "document.tex"]
    else:
        pytest.skip("no pdflatex and no tectonic (Debian: apt-get install texlive-latex-recommended)")
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, errors="replace", timeout=240)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr
    return (folder / "document.log").read_text(errors="replace"), (folder / "document.pdf").read_bytes()


def too_wide(log: str) -> list[float]:
    """By how many points lines and tables run off the page."""
    return [float(points) for points in re.findall(r"Overfull \\hbox \(([\d.]+)pt too wide\)", log)]


@pytest.mark.parametrize("text", [*HOSTILE, *MORE], ids=range(len(HOSTILE) + len(MORE)))
def test_whatever_names_say_it_compiles(tmp_path, text):
    build = Builder(tmp_path / "runs" / "mine")
    variants = {text: {"model.x": 1}, "other": {"model.x": 2}}
    about = {"title": text, "question": text, "source": text}
    ablation = about | {"applies_to": {"any": {"baseline": text, "variants": variants}}}
    runs = {}
    for number, variant in enumerate((text, "other", "third")):
        place, name = Membership(text, variant, number == 0), f"run-{number}"
        runs[name] = planned(model=text, variant=variant, memberships=(place,), config_hash=str(number))
        left = Outcome({text: {"psnr": 30.0 + number}}).with_facts(device=text, git=text)
        build.leave(name, runs[name], failed(text) if variant == "third" else left)
    write_plan(build.folder, replace(new_plan(text, text, {text: ablation}, [text], {}), runs=runs))
    log, pdf = compiled(tmp_path, to_latex(build_report(open_study(build.folder))))
    assert pdf.startswith(b"%PDF")
    assert max(too_wide(log), default=0) < 30


def test_a_wide_table_does_not_run_off_the_page(build, tmp_path):
    sets = ("set5", "set14", "b100", "urban100", "manga109", "div2k")
    scores = {name: {"psnr": 30.0, "ssim": 0.9, "lpips": 0.1, "niqe": 4.0, "rmse": 8.0} for name in sets}
    build.run("carn", BASE, left=Outcome(scores))
    log, _ = compiled(tmp_path, to_latex(build.report()))
    assert not [points for points in too_wide(log) if points > 30]


def test_a_study_of_many_ablations_compiles(build, tmp_path):
    for number in range(60):
        place = Membership(f"a{number}", "v", True)
        build.run("carn", place, hashed=f"{number}", left=Outcome({"set5": {"psnr": 30.0}}))
    compiled(tmp_path, to_latex(build.report()))
