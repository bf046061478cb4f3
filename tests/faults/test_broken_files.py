"""Files of a run that a power cut, another program or another person has left broken."""

import shutil

import pytest
from safetensors.torch import load, load_file

from tests.tiny_runs import carried_out

DAMAGE = {
    "empty": lambda content: b"",
    "half": lambda content: content[: len(content) // 2],
    "zeros at the end": lambda content: content[:-8] + bytes(8),
    "foreign": lambda content: b"[" * 100_000,
}


FILES = ["weights.safetensors", "scores.csv", "losses.csv", "result.json", "config.yaml"]


@pytest.mark.parametrize("damage", DAMAGE)
@pytest.mark.parametrize("name", FILES)
def test_a_damaged_file_of_a_run_that_is_done_costs_a_step_and_no_more(carn, name, damage):
    first = carried_out(carn())
    file = carn().folder / name
    whole = file.read_bytes()
    file.write_bytes(DAMAGE[damage](whole))
    second = carried_out(carn("eval.metrics=[psnr,ssim]"))
    assert second.status == "done"
    assert second.weights_sha256 == first.weights_sha256
    assert second.scores["val"]["psnr"] == first.scores["val"]["psnr"]
    if name == "weights.safetensors":
        assert load_file(file).keys() == load(whole).keys()
    elif name != "losses.csv":  # of a training that is done
        assert file.read_bytes().startswith(whole[:20])


@pytest.mark.parametrize("name", [*FILES, "run.log", "last.ckpt"])
def test_a_folder_in_the_way_of_a_file_is_set_aside(carn, name, capsys):
    folder = carn().folder
    (folder / name).mkdir(parents=True)
    (folder / name / "mine").touch()
    assert carried_out(carn()).status == "done"
    assert (folder / f"{name}.set-aside-1/mine").is_file()
    assert f"{name}: is not what srbench writes there; now {name}.set-aside-1" in capsys.readouterr().err


def test_a_file_in_the_way_of_the_images_is_set_aside(carn):
    carn().folder.mkdir(parents=True)
    (carn().folder / "images").write_text("mine")
    assert carried_out(carn("eval.save_images=1")).status == "done"
    assert (carn().folder / "images.set-aside-1").read_text() == "mine"


def test_a_link_is_not_followed(carn, tmp_path):
    carn().folder.mkdir(parents=True)
    (tmp_path / "mine").write_text("mine")
    for name in ("run.log", "losses.csv", "result.json"):
        (carn().folder / name).symlink_to(tmp_path / "mine")
    assert carried_out(carn()).status == "done"
    assert (tmp_path / "mine").read_text() == "mine"


def test_weights_that_are_not_the_records_are_trained_again(carn):
    first = carried_out(carn())
    other = carn("seed=1")
    carried_out(other)
    shutil.copy(other.folder / "weights.safetensors", carn().folder)
    assert carried_out(carn("eval.metrics=[psnr,ssim]")).weights_sha256 == first.weights_sha256
    assert "are not the weights of the record" in (carn().folder / "run.log").read_text()


def test_what_a_killed_process_left_beside_its_files_is_removed(carn):
    carn().folder.mkdir(parents=True)
    (carn().folder / f".result.json.{'0' * 32}").touch()
    carried_out(carn())
    assert not list(carn().folder.glob(".*"))
