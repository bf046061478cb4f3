"""Packs: what is in them, that nothing in them changes unseen, and that they do no harm."""

import json
import os
import shutil
import stat
import tempfile
import zipfile
from hashlib import sha256
from pathlib import Path

import pytest

from srbench.core.errors import UserError
from srbench.core.heartbeat import heartbeat
from srbench.core.progress import silent
from srbench.experiments.store.packs import MANIFEST, opened_study, pack_study, read_manifest, unpack_study
from srbench.experiments.store.plans import write_plan
from srbench.experiments.store.record import write_record
from tests.builders import plan, planned, record

RUN = "carn-default-x2-s0-0a1b2c3d"
PACKED = {
    f"runs/mine/{RUN}/config.yaml",
    f"runs/mine/{RUN}/losses.csv",
    f"runs/mine/{RUN}/result.json",
    f"runs/mine/{RUN}/weights.safetensors",
    "reports/mine/table.md",
    "reports/mine/crops/0.png",
}


@pytest.fixture
def study(tmp_path: Path) -> Path:
    """With a run that has left everything that runs leave, and a report."""
    folder = tmp_path / "runs" / "mine"
    write_plan(folder, plan(**{RUN: planned()}))
    for name in ("images/set5", "stages"):
        (folder / RUN / name).mkdir(parents=True)
    write_record(folder / RUN, record())
    for name in ("config.yaml", "losses.csv", "weights.safetensors", "last.ckpt", "run.log", "images/set5/0.png"):
        (folder / RUN / name).write_text(name)
    (folder / RUN / "scores.csv").symlink_to("/etc/passwd")
    report = tmp_path / "reports" / "mine"
    (report / "crops").mkdir(parents=True)
    for name in ("table.md", "crops/0.png", ".table.md.0"):
        (report / name).write_text(name)
    return folder


@pytest.fixture
def pack(study: Path, tmp_path: Path) -> Path:
    pack_study(study, tmp_path / "reports" / "mine", tmp_path / "mine.zip", silent)
    return tmp_path / "mine.zip"


def tree(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def repacked(pack: Path, files: dict[str, bytes | None], manifest: dict | None = None) -> Path:
    """The pack with these files in place of its own (None: without one), and these changes to its manifest."""
    other = pack.with_name("other.zip")
    with zipfile.ZipFile(pack) as old, zipfile.ZipFile(other, "w") as new:
        content = {name: old.read(name) for name in old.namelist()} | files
        told = json.loads(content[MANIFEST]) | (manifest or {})
        for name, body in (content | {MANIFEST: json.dumps(told).encode()}).items():
            if body is not None:
                new.writestr(name, body)
    return other


def refused(pack: Path, folder: Path) -> str:
    """Why it is not unpacked: one line, and nothing is there afterwards that was not there before."""
    before = tree(folder) if folder.exists() else None
    with pytest.raises(UserError) as error:
        unpack_study(pack, folder, silent)
    assert (tree(folder) if folder.exists() else None) in (before, {})
    assert "\n" not in str(error.value)
    return str(error.value).removeprefix(f"{pack}: ")


def test_a_pack_holds_records_weights_and_report_and_nothing_else(pack):
    with zipfile.ZipFile(pack) as archive:
        names = set(archive.namelist())
    plans = {name for name in names if name.startswith("runs/mine/plans/")}
    assert len(plans) == 1
    assert names == PACKED | plans | {MANIFEST}


def test_its_manifest_tells_the_size_and_the_sha256_of_each_file(pack):
    manifest = read_manifest(pack)
    with zipfile.ZipFile(pack) as archive:
        for name, told in manifest.files.items():
            content = archive.read(name)
            assert (told.bytes, told.sha256) == (len(content), sha256(content).hexdigest())


def test_equal_studies_make_equal_packs(pack, study, tmp_path):
    before = pack.read_bytes()
    os.utime(study / RUN / "result.json", (0, 0))
    pack_study(study, tmp_path / "reports" / "mine", pack, silent)
    assert pack.read_bytes() == before


def test_what_is_unpacked_is_what_was_packed(pack, study, tmp_path):
    out = tmp_path / "out"
    unpack_study(pack, out, silent)
    assert tree(out).keys() == read_manifest(pack).files.keys()
    for name, content in tree(out).items():
        assert content == (tmp_path / name).read_bytes()
    unpack_study(pack, out, silent)  # the same files may be there
    assert {path.name for path in out.iterdir()} == {"runs", "reports"}


def test_an_unpacking_that_was_interrupted_goes_on(pack, tmp_path):
    unpack_study(pack, tmp_path / "out", silent)
    whole = tree(tmp_path / "out")
    (tmp_path / "out/runs/mine" / RUN / "result.json").unlink()
    unpack_study(pack, tmp_path / "out", silent)
    assert tree(tmp_path / "out") == whole


@pytest.mark.parametrize("other", ["file", "folder", "link", "file above"])
def test_nothing_else_is_written_over(pack, tmp_path, other):
    place = tmp_path / "out/runs/mine" / RUN / "result.json"
    if other == "file above":
        (tmp_path / "out/runs").mkdir(parents=True)
        (tmp_path / "out/runs/mine").write_text("mine")
    else:
        place.parent.mkdir(parents=True)
    if other == "file":
        place.write_text("mine")
    elif other == "folder":
        place.mkdir()
    elif other == "link":
        (tmp_path / "elsewhere").write_text("mine")
        place.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(UserError, match=r"is there already, and is not what .*other|is there already"):
        unpack_study(pack, tmp_path / "out", silent)
    assert not (tmp_path / "out/reports").exists()
    assert not other.startswith("file") or set(tree(tmp_path / "out").values()) == {b"mine"}


def test_one_byte_that_changed_is_seen(pack, tmp_path):
    name = f"runs/mine/{RUN}/weights.safetensors"
    other = repacked(pack, {name: b"weights.safetensorS"})
    assert refused(other, tmp_path / "out") == f"{name} is not what the manifest says; nothing was unpacked"


def test_a_file_more_or_less_is_seen(pack, tmp_path):
    more = repacked(pack, {"runs/mine/evil.py": b"1"})
    assert "runs/mine/evil.py is in the pack, but not in its manifest" in refused(more, tmp_path / "out")
    less = repacked(pack, {"reports/mine/table.md": None})
    assert "reports/mine/table.md is in the manifest, but not in the pack" in refused(less, tmp_path / "out")


def test_a_pack_that_was_cut_off_or_damaged_is_refused(pack, tmp_path):
    whole, other = pack.read_bytes(), tmp_path / "other.zip"
    for content in (b"", whole[:-30], whole[: len(whole) // 2], whole[100:]):
        other.write_bytes(content)
        assert "damaged" in refused(other, tmp_path / "out")
    place = whole.index(b"losses.csv", whole.index(b"losses.csv") + 1)
    other.write_bytes(whole[:place] + b"X" + whole[place + 1 :])
    refused(other, tmp_path / "out")


@pytest.mark.parametrize("name", ["../evil", "/evil", "runs/mine/../../../evil", "runs\\mine\\..\\..\\evil", "C:/evil"])
def test_no_path_leaves_the_folder(pack, tmp_path, name):
    told = refused(repacked(pack, {name: b"evil"}), tmp_path / "out")
    assert "is no place inside the folder" in told
    manifest = json.loads(zipfile.ZipFile(pack).read(MANIFEST))
    manifest["files"][name] = {"bytes": 4, "sha256": sha256(b"evil").hexdigest()}
    told = refused(repacked(pack, {name: b"evil"}, manifest), tmp_path / "out")
    assert "is no place in runs/STUDY or reports/STUDY" in told
    assert not list(tmp_path.rglob("evil*"))


@pytest.mark.parametrize("name", ["..", "a/b", "", "x\0y"], ids=repr)
def test_a_study_that_is_no_name_is_refused(pack, tmp_path, name):
    assert "no name of a folder" in refused(repacked(pack, {}, {"study": name}), tmp_path / "out")


def test_a_link_is_refused(pack, tmp_path):
    other = tmp_path / "other.zip"
    shutil.copy(pack, other)
    info = zipfile.ZipInfo("runs/mine/link")
    info.create_system, info.external_attr = 3, (stat.S_IFLNK | 0o777) << 16
    with zipfile.ZipFile(other, "a") as archive:
        archive.writestr(info, "/etc/passwd")
    assert "is neither file nor folder" in refused(other, tmp_path / "out")


def test_a_bomb_is_refused_before_it_grows(pack, tmp_path):
    with zipfile.ZipFile(pack, "a", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("runs/mine/zeros", bytes(1 << 28))
    assert "holds more than" in refused(pack, tmp_path / "out")


def test_what_does_not_fit_on_the_disk_is_refused(pack, tmp_path):
    name = "reports/mine/table.md"
    files = json.loads(zipfile.ZipFile(pack).read(MANIFEST))["files"]
    files[name]["bytes"] = 1 << 60
    assert "do not fit on the disk" in refused(repacked(pack, {}, {"files": files}), tmp_path / "out")


def test_a_newer_pack_and_what_is_no_pack_are_told_in_a_line(pack, tmp_path):
    assert "newer srbench" in refused(repacked(pack, {}, {"schema": 2}), tmp_path / "out")
    assert "is needed" in refused(repacked(pack, {}, {"files": 1}), tmp_path / "out")
    assert refused(tmp_path / "none.zip", tmp_path / "out") == "no such file"
    with zipfile.ZipFile(tmp_path / "else.zip", "w") as archive:
        archive.writestr("a", "b")
    assert "no pack of srbench: it has no manifest.json" in refused(tmp_path / "else.zip", tmp_path / "out")


def test_another_file_is_not_replaced_by_a_pack(study, tmp_path):
    with zipfile.ZipFile(tmp_path / "data.zip", "w") as archive:
        archive.writestr("a", "b")
    before = (tmp_path / "data.zip").read_bytes()
    with pytest.raises(UserError, match="no pack of srbench"):
        pack_study(study, tmp_path / "none", tmp_path / "data.zip", silent)
    assert (tmp_path / "data.zip").read_bytes() == before


def test_a_study_on_which_somebody_works_is_not_packed(study, tmp_path):
    with heartbeat(study / RUN, lambda worker: None), pytest.raises(UserError, match="being worked on"):
        pack_study(study, tmp_path / "none", tmp_path / "mine.zip", silent)
    assert not (tmp_path / "mine.zip").exists()


def test_a_study_is_read_from_a_pack_without_its_weights_and_nothing_is_left(pack, tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temporary"))
    (tmp_path / "temporary").mkdir()
    with opened_study(pack) as study:
        assert (study.name, study.folders, study.strange) == ("mine", (pack,), ())
        (run,) = study.runs
        assert run.status == "done"
        assert {path.name for path in run.folder.iterdir()} == {"config.yaml", "losses.csv", "result.json"}
    assert list((tmp_path / "temporary").iterdir()) == []


def test_a_pack_that_has_another_name_is_the_same_study(pack, tmp_path):
    with opened_study(pack.rename(tmp_path / "renamed.zip")) as study:
        assert study.name == "mine"
