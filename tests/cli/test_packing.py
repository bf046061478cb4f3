"""A study that travels: packed, reported from its pack, unpacked elsewhere, reported together with another."""

import tempfile
import zipfile
from pathlib import Path

import pytest

from tests.cli.conftest import TINY, Shell, shell_in


@pytest.fixture(scope="module")
def trained(tmp_path_factory) -> Shell:
    """Two studies of a tiny CARN, of one seed each, and their reports."""
    shell = shell_in(tmp_path_factory.mktemp("packing"))
    for seed in (0, 1):
        done = shell(*shell.data, *TINY, f"seed={seed}", f"study=s{seed}")
        assert done.returncode == 0, done.stderr
    return shell


def test_a_study_that_was_packed_is_reported_from_its_pack_and_unpacked_elsewhere(trained, door, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temporary"))
    Path("temporary").mkdir()
    for name in ("runs", "reports"):
        Path(name).symlink_to(trained.folder / name)
    done = door("pack", "runs/s0")
    assert (done.returncode, done.stdout.startswith("pack: s0.zip: ")) == (0, True), done.stderr
    names = zipfile.ZipFile("s0.zip").namelist()
    assert "reports/s0/table.md" in names
    assert sum(name.endswith("weights.safetensors") for name in names) == 1

    assert door("report", "s0.zip", "reports_dir=from_pack").returncode == 0
    assert Path("from_pack/s0/table.csv").read_bytes() == Path("reports/s0/table.csv").read_bytes()
    assert list(Path("temporary").iterdir()) == []

    done = door("unpack", "s0.zip", "there")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("unpack: there/runs/s0: ")
    monkeypatch.chdir("there")
    assert "2 done" in door("status", "runs/s0").stdout
    assert door("report", "runs/s0", "reports_dir=again").returncode == 0
    assert Path("again/s0/table.csv").read_bytes() == Path("reports/s0/table.csv").read_bytes()


def test_studies_and_packs_are_reported_together(trained, door, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert door("pack", str(trained.folder / "runs/s1"), "s1.zip").returncode == 0
    done = door("report", str(trained.folder / "runs/s0"), "s1.zip")
    assert done.returncode == 0, done.stderr
    assert "1 run lies in more than one of the studies" in done.stdout  # bicubic's
    rows = Path("reports/s0+s1/table.csv").read_text().splitlines()
    assert len(rows) == 3  # the titles, bicubic, and CARN with both seeds
    assert "s0, s1" in rows[2]


def test_what_is_wrong_with_a_pack_is_one_line(mistake):
    Path("bad.zip").write_bytes(b"PK\3\4 and then nothing")
    assert "bad.zip: no pack of srbench, or a damaged one" in mistake("unpack", "bad.zip")
    assert "bad.zip: no pack of srbench, or a damaged one" in mistake("report", "bad.zip")
    assert mistake("report", "none.zip") == "none.zip: no such file"
    assert "runs/none: no such study" in mistake("pack", "runs/none")
    assert list(Path().glob("*")) == [Path("bad.zip")]


def test_a_site_is_made_of_studies_and_packs_by_the_command(trained, door, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert door("pack", str(trained.folder / "runs/s1"), "s1.zip").returncode == 0
    done = door("site", "out", str(trained.folder / "runs/s0"), "s1.zip")
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("site: out/index.html, ")
    (board,) = Path("out/boards").iterdir()
    text = board.read_text()
    assert "working" in text  # six steps are fewer than any recipe's
    assert ">s0</a> <a" in text.replace("\n", "")
    assert str(trained.folder) not in "".join(page.read_text() for page in Path("out").glob("*.html"))
