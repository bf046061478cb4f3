"""The catalogue of data sets, and `data get` from a server of our own, whose archives are made here."""

import hashlib
import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest
import yaml

from srbench.cli.data import get_data
from srbench.cli.listing import markdown, table
from srbench.cli.verbs import DataGetVerb
from srbench.core.errors import UserError
from srbench.data.catalog import catalog
from srbench.data.catalog.catalog import catalogue, count_images, get_command
from srbench.data.digests import pixel_digest
from srbench.data.images import image_files, write_image
from tests.core.test_archives import zipped
from tests.http_server import Page, serve

ROOT = Path(__file__).parents[2]
# The command line, with another catalogue.
COMMAND = (
    "import sys; from pathlib import Path; from srbench.data.catalog import catalog; "
    "catalog.CATALOGUE = Path(sys.argv.pop(1)) / 'datasets.yaml'; from srbench.__main__ import main; sys.exit(main())"
)


def png(number: int) -> bytes:
    """An image of 6×5 pixels, another one for each number."""
    path = Path(f"{number}.png")
    write_image(path, np.random.default_rng(number).integers(0, 256, (5, 6, 3), np.uint8))
    return path.read_bytes()


@pytest.fixture(autouse=True)
def somewhere(tmp_path, monkeypatch):
    (tmp_path / "made").mkdir()
    monkeypatch.chdir(tmp_path / "made")


@pytest.fixture
def world(tmp_path, monkeypatch):
    """A server with two archives, and a catalogue of what they hold: DIV2K, Set5 and Set14 in miniature."""
    hr = {f"DIV2K_train_HR/000{i}.png": png(i) for i in (1, 2, 3)} | {"DIV2K_valid_HR/0801.png": png(4)}
    sets = {f"benchmark/Set{s}/{f}/{i}.png": png(10 * s + i) for s in (5, 14) for f in ("HR", "LR") for i in (1, 2)}
    zipped(tmp_path / "hr.zip", hr | {"__MACOSX/DIV2K_train_HR/._0001.png": b"x"})
    zipped(tmp_path / "sets.zip", sets | {"benchmark/bin/list.txt": b"left out"})
    with serve() as server:
        content = yaml.safe_load(catalog.CATALOGUE.read_text())
        content |= {"sets": mini_sets(), "archives": {}}
        for name, holds, into in (("hr.zip", ["DIV2K"], "DIV2K"), ("sets.zip", ["benchmark"], ".")):
            body = (tmp_path / name).read_bytes()
            archive = {"address": server.add(f"/{name}", Page(body)), "holds": holds, "into": into}
            content["archives"][name] = archive | {"sha256": hashlib.sha256(body).hexdigest(), "checksum_by": "us"}
        yield World(tmp_path, server, content, monkeypatch)
    catalogue.cache_clear()


def mini_sets() -> dict:
    shared = {"what": "miniature", "licence": "ours", "cite": "nobody"}
    by_hand = "ask for it and put it into {root}/Far"
    return {
        "div2k": shared
        | {"title": "DIV2K", "images": 4, "archives": ["hr.zip"]}
        | {"folders": {"DIV2K/DIV2K_train_HR": 3, "DIV2K/DIV2K_valid_HR": 1}},
        "set5": shared
        | {"title": "Set5", "images": 2, "archives": ["sets.zip"]}
        | {"folders": {"benchmark/Set5/HR": 2, "benchmark/Set5/LR": 2}},
        "set14": shared
        | {"title": "Set14", "images": 2, "archives": ["sets.zip"], "folders": {"benchmark/Set14/HR": 2}},
        "both": shared | {"title": "Both", "images": 6, "parts": ["div2k", "set5"]},
        "far": shared | {"title": "Far", "images": 1, "folders": {"Far": 1}, "by_hand": by_hand},
    }


class World:
    def __init__(self, folder, server, content, monkeypatch):
        self.folder, self.server, self.content = folder, server, content
        self.data, self.weights = folder / "data", folder / "weights"
        monkeypatch.setattr(catalog, "CATALOGUE", folder / "conf" / "datasets.yaml")
        (folder / "conf").mkdir()
        self.write()

    def write(self) -> None:
        (self.folder / "conf" / "datasets.yaml").write_text(yaml.safe_dump(self.content, sort_keys=False))
        catalogue.cache_clear()

    def get(self, name: str) -> None:
        get_data(DataGetVerb(wanted=name, data_root=self.data, weights_dir=[self.weights]))

    def start(self, *words: str) -> subprocess.Popen:
        options = [f"data_root={self.data}", f"weights_dir={self.weights}"] if words[0] == "get" else []
        command = [sys.executable, "-c", COMMAND, str(self.folder / "conf"), "data", *words, *options]
        return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def files(self) -> set[str]:
        """Below data_root."""
        paths = (path.relative_to(self.data) for path in self.data.rglob("*") if path.is_file())
        return {str(path) for path in paths}


HR = {f"DIV2K/DIV2K_train_HR/000{i}.png" for i in (1, 2, 3)} | {"DIV2K/DIV2K_valid_HR/0801.png"}
SET5 = {f"benchmark/Set5/{folder}/{i}.png" for folder in ("HR", "LR") for i in (1, 2)}
SET14 = {f"benchmark/Set14/HR/{i}.png" for i in (1, 2)}


def test_the_catalogue_is_in_agreement_with_itself():
    archives = [archive for entry in catalogue().values() for archive in entry.archives]
    for entry in catalogue().values():
        hr = [folder for folder in entry.all_folders if "LR_bicubic" not in folder.path] or entry.all_folders
        assert entry.images == sum(folder.images for folder in hr), entry.name
        assert bool(entry.by_hand) != bool(entry.all_archives), entry.name
        for folder in entry.folders:
            bringing = [a.name for a in entry.archives for held in a.holds if f"{folder.path}/".startswith(f"{held}/")]
            assert len(bringing) == (not entry.by_hand), folder
    for archive in archives:
        assert archive.address.startswith("https://")
        assert archive.address.endswith(f"/{archive.name}")
        assert all(f"{held}/".startswith(f"{archive.into}/") for held in archive.holds if archive.into != ".")
        assert bool(archive.sha256 or archive.md5) == bool(archive.checksum_by)


def test_datasets_md_is_written_from_the_catalogue():
    assert (ROOT / "datasets.md").read_text() == markdown(), "python -m srbench data list --markdown > datasets.md"


def test_the_digests_of_set5_are_those_of_the_pixels(shared):
    for folder in catalogue()["set5"].folders:
        assert pixel_digest(image_files(shared / "data" / folder.path)) == folder.digest


def test_names_are_found_in_any_case_and_guessed(world):
    world.get("SET5")
    with pytest.raises(UserError, match=r"data: set15: no such data set, did you mean set5\? \(also: alexnet, "):
        world.get("set15")


def test_the_command_that_gets_a_set_names_where_it_goes(monkeypatch):
    assert get_command("Set5", Path("data")) == "; get it with: python -m srbench data get set5"
    assert get_command("Set5", Path("/big")).endswith("data get set5 data_root=/big")
    assert get_command("mine", Path("data")) == ""
    monkeypatch.setenv("SRBENCH_DATA", "/big")
    assert get_command("Set5", Path("/big")).endswith("data get set5")
    monkeypatch.setenv("SRBENCH_DATA", "~/big")
    assert get_command("Set5", Path.home() / "big").endswith("data get set5")


def test_a_set_is_put_into_its_place_once(world, capsys):
    world.get("div2k")
    assert world.files() == HR
    assert (world.data / "DIV2K/DIV2K_train_HR/0002.png").read_bytes() == png(2)
    assert f"{world.data / 'DIV2K/DIV2K_train_HR'}: 3 images" in capsys.readouterr().out
    world.get("DIV2K")
    assert "div2k: is there already" in capsys.readouterr().out
    assert len(world.server.log) == 1


def test_an_archive_of_several_sets_brings_them_all(world):
    world.get("set5")
    assert world.files() == SET5 | SET14
    world.get("set14")
    assert len(world.server.log) == 1


def test_a_union_gets_its_parts(world):
    world.get("both")
    assert world.files() == HR | SET5 | SET14


def test_folders_that_are_there_stay_as_they_are(world):
    own = world.data / "benchmark/Set5/HR"
    own.mkdir(parents=True)
    for name in ("a.bmp", "b.bmp"):
        write_image(own / name, np.zeros((4, 4, 3), np.uint8))
    world.get("set5")
    assert world.files() == {"benchmark/Set5/HR/a.bmp", "benchmark/Set5/HR/b.bmp"} | SET14 | {
        name for name in SET5 if "LR" in name
    }
    (own / "b.bmp").unlink()
    with pytest.raises(UserError, match=rf"{own}: holds 1 images, not 2; move it away and repeat the command"):
        world.get("set5")


def test_a_broken_connection_is_continued(world):
    page = world.server.pages["/hr.zip"]
    page.breaks = [len(page.body) // 2]
    world.get("div2k")
    assert world.files() == HR
    assert [answer.status for answer in world.server.log] == [200, 206]
    assert world.server.log[1].range == f"bytes={len(page.body) // 2}-"


@pytest.mark.parametrize("kind", ["sha256", "md5"])
def test_a_wrong_checksum_leaves_nothing(world, kind):
    del world.content["archives"]["hr.zip"]["sha256"]
    world.content["archives"]["hr.zip"][kind] = "0" * (64 if kind == "sha256" else 32)
    world.write()
    with pytest.raises(UserError, match=r"not the expected file: its (SHA-256|MD5) is"):
        world.get("div2k")
    assert world.files() == set()


def test_the_right_md5_is_accepted(world):
    archive = world.content["archives"]["hr.zip"]
    archive["md5"] = hashlib.md5(world.server.pages["/hr.zip"].body).hexdigest()
    del archive["sha256"]
    world.write()
    world.get("div2k")
    assert world.files() == HR


def test_a_hostile_archive_is_refused_and_leaves_nothing(world):
    entries = {"DIV2K_train_HR/0001.png": png(1), "../../escaped.png": png(2)}
    world.server.pages["/hr.zip"].body = zipped(world.folder / "hostile.zip", entries).read_bytes()
    del world.content["archives"]["hr.zip"]["sha256"]
    world.write()
    with pytest.raises(
        UserError, match=r"'\.\./\.\./escaped\.png' is no place inside the folder; nothing was unpacked"
    ):
        world.get("div2k")
    assert world.files() == set()
    assert not list(world.folder.rglob("escaped.png"))


def test_an_archive_without_all_images_is_refused(world):
    body = zipped(world.folder / "less.zip", {f"DIV2K_train_HR/000{i}.png": png(i) for i in (1, 2, 3)}).read_bytes()
    world.server.pages["/hr.zip"].body = body
    world.content["archives"]["hr.zip"]["sha256"] = hashlib.sha256(body).hexdigest()
    world.write()
    with pytest.raises(UserError, match=r"holds 0 images for DIV2K/DIV2K_valid_HR, not 1; nothing was unpacked"):
        world.get("div2k")
    assert world.files() == {"downloads/hr.zip"}


def test_a_file_brought_by_hand_is_used_and_stays(world, capsys):
    world.server.pages["/hr.zip"].errors = [404]
    path = world.data / "downloads" / "hr.zip"
    with pytest.raises(UserError, match=rf"answers 404 .*; fetch http.*/hr.zip yourself and put it at {path}"):
        world.get("div2k")
    path.write_bytes(world.server.pages["/hr.zip"].body)
    world.get("div2k")
    assert world.files() == {*HR, "downloads/hr.zip"}
    assert f"hr.zip: as it is in {path.parent}" in capsys.readouterr().out
    assert len(world.server.log) == 1


def test_what_a_killed_process_left_does_not_matter(world):
    left = world.data / "downloads" / ".hr.zip" / "tree" / "DIV2K_train_HR" / "left.png"
    left.parent.mkdir(parents=True)
    left.write_bytes(png(9))
    world.get("div2k")
    assert world.files() == HR
    assert not left.parent.exists()


def test_a_disk_that_cannot_be_written_is_one_line(world):
    world.data.write_bytes(b"a file")
    with pytest.raises(UserError, match=r"downloads: cannot be written to \("):
        world.get("div2k")


def test_two_processes_download_once(world):
    page = world.server.pages["/sets.zip"]
    page.hold = threading.Event()
    first = world.start("get", "set5")
    deadline = time.monotonic() + 60
    while not world.server.log and time.monotonic() < deadline:
        time.sleep(0.02)
    second = world.start("get", "set14")
    assert second.stdout.readline() == "sets.zip: another process gets it; waiting\n"
    page.hold.set()
    for process in (first, second):
        out, err = process.communicate(timeout=60)
        assert (process.returncode, err) == (0, ""), out
    assert world.files() == SET5 | SET14
    assert len(world.server.log) == 1


def test_a_set_to_be_fetched_by_hand_says_how_in_one_line(world):
    process = world.start("get", "far")
    out, err = process.communicate(timeout=60)
    line = f"srbench: data get far: cannot be downloaded: ask for it and put it into {world.data}/Far\n"
    assert (process.returncode, out, err) == (2, "", line)
    (world.data / "Far").mkdir(parents=True)
    write_image(world.data / "Far" / "1.png", np.zeros((4, 4, 3), np.uint8))
    world.get("far")


def test_the_table_tells_what_is_at_hand(world):
    world.get("set5")
    (world.data / "DIV2K/DIV2K_valid_HR").mkdir(parents=True)
    write_image(world.data / "DIV2K/DIV2K_valid_HR/0801.png", np.zeros((4, 4, 3), np.uint8))
    (world.data / "benchmark/Set14/HR/.hidden.png").touch()
    states = {line.split()[0]: line.split()[-1] for line in table(world.data, []).splitlines()[1:]}
    networks = dict.fromkeys(("alexnet", "vgg16", "vgg19", "squeezenet", "nrqm", "clipiqa", "maniqa", "musiq"), "no")
    assert states == networks | {"div2k": "part", "set5": "yes", "set14": "yes", "both": "part", "far": "no"}
    assert count_images(world.data) == 7


def test_the_page_names_each_checksum_and_who_computed_it(world):
    world.content["sets"]["set5"]["digests"] = {"benchmark/Set5/HR": "abc"}
    world.write()
    page = markdown()
    sha256 = world.content["archives"]["hr.zip"]["sha256"]
    assert f"size unknown, SHA-256 `{sha256}`, computed by us" in page
    assert "`data/benchmark/Set5/HR` (2 images, pixels `abc`)" in page
    assert "- By hand: ask for it and put it into data/Far." in page


def test_every_download_has_a_bound():
    archives = {archive.name: archive for entry in catalogue().values() for archive in entry.archives}
    assert not [name for name, archive in archives.items() if not (archive.bytes or archive.at_most)]


def test_the_catalogues_are_read_where_the_locale_has_no_letters_beyond_ascii():
    """As cp1252 has not those of UTF-8: the files say how they are encoded, not the machine."""
    program = (
        "from srbench.data.catalog.catalog import catalogue; from srbench.models.hub import checkpoint_catalogue; "
        "from srbench.models.backbones import backbones; from srbench.experiments.literature import entries; "
        "print(len(catalogue()), len(checkpoint_catalogue()), len(backbones()), len(entries(['mdrn'])))"
    )
    environment = {**os.environ, "LC_ALL": "C", "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0"}
    done = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
