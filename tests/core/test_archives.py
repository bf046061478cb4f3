"""Archives as they should be, damaged ones, and ones that mean harm. All are built here."""

import gzip
import io
import shutil
import stat
import struct
import tarfile
import zipfile
import zlib
from pathlib import Path

import pytest

from srbench.core import archives as module
from srbench.core.archives import unpack
from srbench.core.errors import UserError

TREE = {"set/one.txt": b"one" * 40, "set/deep/two.bin": bytes(range(256)) * 20, "none": b""}
KINDS = ["zip", "tar", "gz", "bz2", "xz"]
PLENTY = 10**6
DAMAGED = "no zip or tar archive, or a damaged one: delete it and get it again; nothing was unpacked"


def ignore(text: str, done: int, total: int) -> None:
    """A listener."""


def zipped(path: Path, entries: dict[str, bytes], modes: dict[str, int] | None = None, **options) -> Path:
    """`modes`: type and permissions of entries, as on Unix."""
    with zipfile.ZipFile(path, "w", **({"compression": zipfile.ZIP_DEFLATED} | options)) as archive:
        for name, content in entries.items():
            info = zipfile.ZipInfo(name)
            info.compress_type = archive.compression
            info.create_system = 3
            info.external_attr = (modes or {}).get(name, stat.S_IFREG | 0o644) << 16
            archive.writestr(info, content)
    return path


def tarred(path: Path, *members: tuple[str, bytes | str, bytes], kind: str = "") -> Path:
    """`members`: name, content or the target of a link, and type."""
    with tarfile.open(path, f"w:{kind}") as archive:
        for name, content, member_type in members:
            info = tarfile.TarInfo(name)
            info.type, info.mode = member_type, 0o6777
            if isinstance(content, str):
                info.linkname, content = content, b""
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return path


def packed(path: Path, kind: str, entries: dict[str, bytes] = TREE) -> Path:
    if kind == "zip":
        return zipped(path, entries)
    members = [(name, content, tarfile.REGTYPE) for name, content in entries.items()]
    return tarred(path, *members, kind="" if kind == "tar" else kind)


def linked(path: Path, kind: str, target: str) -> Path:
    """With `set/one.txt`, and `set/link` to `target`."""
    if kind == "zip":
        entries = {"set/link": target.encode(), "set/one.txt": b"one"}
        return zipped(path, entries, {"set/link": stat.S_IFLNK | 0o777})
    file = ("set/one.txt", b"one", tarfile.REGTYPE)
    link = ("set/link", target, tarfile.LNKTYPE if kind == "hard" else tarfile.SYMTYPE)
    return tarred(path, link, file)


def overlapping(path: Path, count: int, size: int) -> Path:
    """A zip of `count` files of `size` zeros or more that are all unpacked from one piece of data.

    Each quotes the header of the next as a block of its own, and goes on with that one's data (Fifield, "A better zip
    bomb", WOOT 2019).
    """
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    data, content = packer.compress(bytes(size)) + packer.flush(), bytes(size)
    directory: list[tuple[bytes, bytes, int]] = []
    for name in (b"%d" % number for number in range(count)):
        facts = struct.pack("<5H3L2H", 20, 0, 8, 0, 33, zlib.crc32(content), len(data), len(content), len(name), 0)
        header = b"PK\3\4" + facts + name
        directory.append((facts, name, len(header + data)))
        content, file = header + content, header + data
        data = b"\0" + struct.pack("<2H", len(header), 0xFFFF - len(header)) + file
    end = len(file)
    listed = b"".join(
        b"PK\1\2\24\0" + facts + struct.pack("<3H2L", 0, 0, 0, 0, end - length) + name
        for facts, name, length in directory
    )
    path.write_bytes(file + listed + struct.pack("<4s4H2LH", b"PK\5\6", 0, 0, count, count, len(listed), end, 0))
    return path


def write_at(path: Path, place: int, content: bytes) -> None:
    with path.open("r+b") as file:
        file.seek(place)
        file.write(content)


def tree(folder: Path) -> dict[str, bytes]:
    assert not any(path.is_symlink() for path in folder.rglob("*"))
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def refused(archive: Path, most_bytes: int = PLENTY) -> str:
    """The line's end behind the archive's name. Nothing else may lie in its folder after it."""
    with pytest.raises(UserError) as caught:
        unpack(archive, archive.parent / "out", ignore, most_bytes)
    assert list(archive.parent.iterdir()) == [archive]
    line = str(caught.value)
    assert "\n" not in line
    assert line.startswith(f"{archive}: ")
    return line.removeprefix(f"{archive}: ")


@pytest.mark.parametrize("kind", KINDS)
def test_everything_is_there_with_modes_of_its_own(tmp_path, kind):
    unpack(packed(tmp_path / "a", kind), tmp_path / "new" / "out", ignore, PLENTY)
    assert tree(tmp_path / "new" / "out") == TREE
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["out"]
    (tmp_path / "mine").write_bytes(b"")
    modes = {path.stat().st_mode for path in (tmp_path / "new" / "out").rglob("*") if path.is_file()}
    assert modes == {(tmp_path / "mine").stat().st_mode}


@pytest.mark.parametrize("kind", KINDS)
def test_bytes_of_the_archive_are_told(tmp_path, kind):
    heard = []
    archive = packed(tmp_path / "a.x", kind)
    unpack(archive, tmp_path / "out", lambda *told: heard.append(told), PLENTY)
    size = archive.stat().st_size
    assert heard[-1] == ("unpacking a.x", size, size)
    assert heard == sorted(heard)
    assert {total for _, _, total in heard} == {size}
    assert len(heard) == 4  # three files, and the end


@pytest.mark.parametrize("kind", ["zip", "tar"])
def test_a_folder_that_is_there_gains_and_keeps_files(tmp_path, kind):
    (tmp_path / "out" / "set").mkdir(parents=True)
    (tmp_path / "out" / "set" / "one.txt").write_bytes(b"old")
    (tmp_path / "out" / "mine").write_bytes(b"mine")
    archive = packed(tmp_path / "a", kind)
    for _ in range(2):
        unpack(archive, tmp_path / "out", ignore, PLENTY)
        assert tree(tmp_path / "out") == {**TREE, "mine": b"mine"}
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a", "out"]


def test_a_folder_may_be_a_link(tmp_path):
    (tmp_path / "disk").mkdir()
    (tmp_path / "out").symlink_to(tmp_path / "disk")
    beside = []
    archive = packed(tmp_path / "a", "zip")
    unpack(archive, tmp_path / "out", lambda *_: beside.append(len(list(tmp_path.iterdir()))), PLENTY)
    assert set(beside) == {3}  # what is not whole yet lies on the other disk as well
    assert tree(tmp_path / "disk") == TREE
    assert (tmp_path / "out").is_symlink()


@pytest.mark.parametrize("kind", ["zip", "tar"])
def test_folders_may_be_empty_and_the_root_may_have_an_entry(tmp_path, kind):
    if kind == "zip":
        archive = zipped(tmp_path / "a", {"./": b"", "set/": b"", "made/in/": b""})
    else:
        archive = tarred(tmp_path / "a", *((name, b"", tarfile.DIRTYPE) for name in (".", "set", "made/in")))
    unpack(archive, tmp_path / "out", ignore, PLENTY)
    assert sorted(path.relative_to(tmp_path / "out").as_posix() for path in (tmp_path / "out").rglob("*")) == [
        "made",
        "made/in",
        "set",
    ]


@pytest.mark.parametrize("kind", ["zip", "tar"])
def test_folders_of_windows_are_folders(tmp_path, kind):
    unpack(packed(tmp_path / "a", kind, {"set\\one.txt": b"one"}), tmp_path / "out", ignore, PLENTY)
    assert tree(tmp_path / "out") == {"set/one.txt": b"one"}
    unpack(zipped(tmp_path / "a", {"empty\\": b""}), tmp_path / "out", ignore, PLENTY)
    assert (tmp_path / "out" / "empty").is_dir()


@pytest.mark.parametrize("kind", ["zip", "gz"])
def test_what_macos_adds_is_left_out(tmp_path, kind):
    junk = {"__MACOSX/set/._one.txt": b"x", "set/__MACOSX/y": b"x", ".DS_Store": b"x", "set/.DS_Store": b"x"}
    unpack(packed(tmp_path / "a", kind, {**junk, "set/._one.txt": b"x", **TREE}), tmp_path / "out", ignore, PLENTY)
    assert tree(tmp_path / "out") == TREE
    assert not any(path.name == "__MACOSX" for path in (tmp_path / "out").rglob("*"))


@pytest.mark.parametrize("kind", ["zip", "gz"])
@pytest.mark.parametrize(
    "name", ["../escaped", "set/../../escaped", "/escaped", "C:/escaped", "c:escaped", "set\\..\\..\\escaped", ".."]
)
def test_a_name_outside_the_folder_is_refused(tmp_path, kind, name):
    archive = packed(tmp_path / "a", kind, {"set/one.txt": b"one", name: b"escaped"})
    assert refused(archive) == f"{name!r} is no place inside the folder; nothing was unpacked"


def test_a_name_with_a_zero_is_refused(tmp_path):
    with tarfile.open(tmp_path / "a", "w", format=tarfile.PAX_FORMAT) as archive:
        info = tarfile.TarInfo("x")
        info.pax_headers = {"path": "set/on\0e"}
        archive.addfile(info)
    assert refused(tmp_path / "a") == r"'set/on\x00e' is no place inside the folder; nothing was unpacked"


@pytest.mark.parametrize("kind", ["zip", "symbolic", "hard"])
@pytest.mark.parametrize("target", ["one.txt", "set/one.txt", "../../secret", "/etc/hostname", "link", "absent"])
def test_a_link_is_refused(tmp_path, kind, target):
    folder = tmp_path / "in"
    folder.mkdir()
    (tmp_path / "secret").write_bytes(b"secret")
    line = refused(linked(folder / "a", kind, target))
    assert line == "'set/link' is neither file nor folder; nothing was unpacked"


def test_a_folder_that_is_a_link_does_not_lead_out(tmp_path):
    folder = tmp_path / "in"
    folder.mkdir()
    members = [("set", "../..", tarfile.SYMTYPE), ("set/escaped", b"x", tarfile.REGTYPE)]
    assert refused(tarred(folder / "a", *members)) == "'set' is neither file nor folder; nothing was unpacked"
    assert list(tmp_path.iterdir()) == [folder]


@pytest.mark.parametrize("kind", [tarfile.CHRTYPE, tarfile.BLKTYPE, tarfile.FIFOTYPE, b"?"])
def test_a_device_in_a_tar_is_refused(tmp_path, kind):
    archive = tarred(tmp_path / "a", ("set/dev", b"", kind))
    assert refused(archive) == "'set/dev' is neither file nor folder; nothing was unpacked"


def test_a_device_in_a_zip_is_refused(tmp_path):
    archive = zipped(tmp_path / "a", {"set/dev": b""}, {"set/dev": stat.S_IFCHR | 0o666})
    assert refused(archive) == "'set/dev' is neither file nor folder; nothing was unpacked"


@pytest.mark.parametrize("kind", KINDS)
def test_more_bytes_than_allowed_are_refused(tmp_path, kind):
    zeros = {"a": bytes(60_000), "b": bytes(40_000)}
    unpack(packed(tmp_path / "a", kind, zeros), tmp_path / "out", ignore, 100_000)
    assert tree(tmp_path / "out") == zeros
    folder = tmp_path / "in"
    folder.mkdir()
    line = refused(packed(folder / "a", kind, zeros), 99_999)
    assert line == "holds more than 200000 entries or 99999 bytes; nothing was unpacked"


def test_entries_of_the_same_bytes_count_each(tmp_path):
    line = refused(overlapping(tmp_path / "a", 5, 60_000), 299_999)
    assert line in (DAMAGED, "holds more than 200000 entries or 299999 bytes; nothing was unpacked")  # by Python's age


def test_a_size_below_zero_makes_no_room(tmp_path):
    empty = tarfile.TarInfo("._a")
    empty.type, empty.size = tarfile.DIRTYPE, -60_000
    rest = tarred(tmp_path / "a", ("b", bytes(50_000), tarfile.REGTYPE)).read_bytes()
    (tmp_path / "a").write_bytes(empty.tobuf(tarfile.GNU_FORMAT) + rest)
    assert refused(tmp_path / "a", 20_000) == DAMAGED


@pytest.mark.parametrize("kind", ["zip", "tar"])
def test_more_entries_than_allowed_are_refused(tmp_path, kind, monkeypatch):
    monkeypatch.setattr(module, "MOST_ENTRIES", 2)
    assert refused(packed(tmp_path / "a", kind)) == f"holds more than 2 entries or {PLENTY} bytes; nothing was unpacked"
    monkeypatch.setattr(module, "MOST_ENTRIES", 3)
    unpack(tmp_path / "a", tmp_path / "out", ignore, PLENTY)


@pytest.mark.parametrize("compression", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
@pytest.mark.parametrize("declared", [5000, 5002])
def test_an_entry_of_another_size_than_it_declares_is_refused(tmp_path, compression, declared):
    archive = zipped(tmp_path / "a", {"a": bytes(5001)}, compression=compression)
    write_at(archive, archive.read_bytes().index(b"PK\1\2") + 24, declared.to_bytes(4, "little"))
    assert refused(archive) == DAMAGED


@pytest.mark.parametrize("compression", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_an_entry_that_lies_well_brings_no_more_than_it_declares(tmp_path, compression):
    archive = zipped(tmp_path / "a", {"a": bytes(10**6)}, compression=compression)
    directory = archive.read_bytes().index(b"PK\1\2")
    write_at(archive, directory + 16, zlib.crc32(bytes(10)).to_bytes(4, "little"))
    write_at(archive, directory + 24, (10).to_bytes(4, "little"))
    unpack(archive, tmp_path / "out", ignore, 10)
    assert tree(tmp_path / "out") == {"a": bytes(10)}


def test_a_tar_s_entry_that_goes_on_is_refused(tmp_path):
    archive = tarred(tmp_path / "a", ("a", b"x" * 5001, tarfile.REGTYPE))
    with_less = tarfile.TarInfo("a")
    with_less.size = 1024
    write_at(archive, 0, with_less.tobuf())
    assert refused(archive) == DAMAGED


def test_a_sparse_file_is_refused(tmp_path):
    """Its map is of 60,000 bytes, the size that it declares 10."""
    info = tarfile.TarInfo("a")
    info.type, info.size = tarfile.GNUTYPE_SPARSE, 60_000
    header = bytearray(info.tobuf(tarfile.GNU_FORMAT))
    header[386:410] = b"%011o\0%011o\0" % (0, 60_000)
    header[483:495] = b"%011o\0" % 10
    header[148:156] = b"%06o\0 " % tarfile.calc_chksums(header)[0]
    (tmp_path / "a").write_bytes(header + bytes(60_416 + 1024))
    assert refused(tmp_path / "a") == "'a' is neither file nor folder; nothing was unpacked"


@pytest.mark.parametrize(
    ("flag", "line"),
    [
        (1, "'é' is encrypted or compressed unusually: unpack it yourself; nothing was unpacked"),
        (1 << 5, DAMAGED),  # a patch, not a file
    ],
)
def test_an_entry_that_cannot_be_read_is_refused(tmp_path, flag, line):
    archive = zipped(tmp_path / "a", {"é": b"one"})
    for mark, place in ((b"PK\3\4", 6), (b"PK\1\2", 8)):
        write_at(archive, archive.read_bytes().index(mark) + place, (flag | 1 << 11).to_bytes(2, "little"))
    assert refused(archive) == line


def test_a_name_that_is_no_text_is_refused(tmp_path):
    archive = zipped(tmp_path / "a", {"é": b"one"})
    archive.write_bytes(archive.read_bytes().replace("é".encode(), b"\xff\xff"))
    assert refused(archive) == DAMAGED


def test_the_modes_of_other_systems_mean_nothing(tmp_path):
    archive = zipped(tmp_path / "a", {"a": b"one"}, {"a": stat.S_IFCHR | 0o666})
    write_at(archive, archive.read_bytes().index(b"PK\1\2") + 5, bytes(1))  # made by: DOS
    unpack(archive, tmp_path / "out", ignore, PLENTY)
    assert tree(tmp_path / "out") == {"a": b"one"}


@pytest.mark.parametrize("compression", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_a_compression_without_bounds_is_refused(tmp_path, compression):
    line = refused(zipped(tmp_path / "a", {"a": bytes(10**5)}, compression=compression))
    assert line == "'a' is encrypted or compressed unusually: unpack it yourself; nothing was unpacked"


@pytest.mark.parametrize("kind", [tarfile.GNUTYPE_LONGNAME, tarfile.XHDTYPE])
def test_a_name_beyond_any_use_is_not_read(tmp_path, kind):
    archive = tarred(tmp_path / "a", ("a", bytes(2_000_000), kind), ("b", b"", tarfile.REGTYPE), kind="gz")
    assert refused(archive) == "has a name or a comment of 2000000 bytes; nothing was unpacked"


def test_a_long_name_is_a_name(tmp_path):
    entries = {"/".join(["folder" * 20] * 3): b"one", "é" * 60: b"two"}
    unpack(packed(tmp_path / "a", "tar", entries), tmp_path / "out", ignore, PLENTY)
    assert tree(tmp_path / "out") == entries


def test_what_goes_on_behind_its_end_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "MOST_PADDING", 50_000)
    archive = packed(tmp_path / "a", "tar")
    archive.write_bytes(archive.read_bytes() + bytes(60_000))
    assert refused(archive) == "goes on behind its end; nothing was unpacked"


@pytest.mark.parametrize("kind", KINDS)
def test_an_archive_that_is_cut_off_is_refused(tmp_path, kind):
    archive = packed(tmp_path / "a", kind)
    whole = archive.read_bytes()
    end = len(whole.rstrip(b"\0") if kind == "tar" else whole)  # a tar may be padded more or less
    for length in [3, *range(0, end, end // 10), end - 1]:
        archive.write_bytes(whole[:length])
        assert refused(archive) == DAMAGED


@pytest.mark.parametrize("opened", [open, gzip.open])
def test_a_tar_without_its_end_mark_is_refused(tmp_path, opened):
    """As when tar was killed, and the gzip behind it was not. The cut lies between two entries."""
    entries = {"a": b"a" * 512, "b": b"b" * 512}
    whole = packed(tmp_path / "a", "tar", entries).read_bytes()
    with opened(tmp_path / "a", "wb") as file:
        file.write(whole[:1024])
    assert refused(tmp_path / "a") == DAMAGED


@pytest.mark.parametrize("kind", ["zip", "gz", "bz2", "xz"])
def test_damage_is_refused_or_without_effect(tmp_path, kind):
    entries = {"a": bytes(range(256))}
    archive = packed(tmp_path / "a", kind, entries)
    whole, lines = archive.read_bytes(), []
    for place in range(0, len(whole), len(whole) // 25):
        archive.write_bytes(whole[:place] + bytes([whole[place] ^ 16]) + whole[place + 1 :])
        try:
            unpack(archive, tmp_path / "out", ignore, PLENTY)
            assert tree(tmp_path / "out") == entries
            shutil.rmtree(tmp_path / "out")
        except UserError as error:
            lines.append(str(error))
        assert list(tmp_path.iterdir()) == [archive]
    assert len(lines) >= 10
    assert kind == "zip" or all(line.endswith(DAMAGED) for line in lines)


@pytest.mark.parametrize("content", [b"", b"PK", b"PK\3\4", b"<html>404</html>" * 99, bytes(9)])
def test_what_is_no_archive_is_refused(tmp_path, content):
    (tmp_path / "a").write_bytes(content)
    assert refused(tmp_path / "a") == DAMAGED


def test_a_place_before_the_beginning_of_a_zip_is_damage(tmp_path):
    archive = packed(tmp_path / "a", "zip")
    directory, end = (archive.read_bytes().index(mark) for mark in (b"PK\1\2", b"PK\5\6"))
    write_at(archive, end + 16, (directory + 1).to_bytes(4, "little"))
    assert refused(archive) == DAMAGED


def test_a_failed_archive_leaves_an_existing_folder_as_it_was(tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "none").write_bytes(b"mine")
    archive = packed(tmp_path / "a", "zip", {**TREE, "../x": b""})
    with pytest.raises(UserError):
        unpack(archive, tmp_path / "out", ignore, PLENTY)
    assert tree(tmp_path / "out") == {"none": b"mine"}
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a", "out"]


def test_ctrl_c_leaves_nothing(tmp_path):
    def stop(text: str, done: int, total: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        unpack(packed(tmp_path / "a", "zip"), tmp_path / "out", stop, PLENTY)
    assert [path.name for path in tmp_path.iterdir()] == ["a"]


def test_a_folder_in_a_file_s_place_is_told(tmp_path):
    (tmp_path / "out" / "none").mkdir(parents=True)
    archive = packed(tmp_path / "a", "zip")
    with pytest.raises(UserError, match="cannot be unpacked into"):
        unpack(archive, tmp_path / "out", ignore, PLENTY)


def test_an_archive_that_is_not_there_is_told(tmp_path):
    with pytest.raises(UserError, match=r"a: cannot be unpacked into .*No such file"):
        unpack(tmp_path / "a", tmp_path / "out", ignore, PLENTY)
    assert list(tmp_path.iterdir()) == []
