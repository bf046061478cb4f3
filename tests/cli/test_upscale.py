"""python -m srbench upscale: image files through a network, as a user asks for it."""

import cv2
import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import save_file

from srbench.cli.dispatch import perform
from srbench.core.errors import UserError
from srbench.core.pixel_format import PixelFormat
from srbench.data.images import read_image, write_image
from srbench.data.resize import imresize
from srbench.evaluation.inference import SuperResolver
from srbench.evaluation.settings import Inference
from srbench.models.carn import CARN
from srbench.models.mdrn import MDRN

CARN_8 = ["model=carn", "model.width=8", "checkpoint=carn.safetensors", "threads=1"]
MDRN_16 = ["model=mdrn", "model.width=16", "model.blocks=1", "checkpoint=mdrn.safetensors", "threads=1"]


@pytest.fixture
def carn(tmp_path, monkeypatch):
    """A small CARN, its weights and MDRN's in the current folder."""
    monkeypatch.chdir(tmp_path)
    torch.manual_seed(0)
    model = CARN(width=8).eval()
    save_file(model.state_dict(), "carn.safetensors")
    save_file(MDRN(width=16, blocks=1).state_dict(), "mdrn.safetensors")
    return model


def noise(height, width, channels=3, dtype=np.uint8):
    shape = (height, width, channels)[: 2 + (channels > 1)]
    return np.random.default_rng(height).integers(0, np.iinfo(dtype).max + 1, shape, dtype)


def test_the_command_line_upscales_a_folder_and_names_what_it_leaves_out(srbench, carn):
    done = srbench("upscale", "hr", "out", *CARN_8)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == [f"out/{number}.png: 96×80" for number in range(4)]
    assert done.stderr == ""
    assert sorted(path.name for path in (srbench.folder / "out").iterdir()) == ["0.png", "1.png", "2.png", "3.png"]
    for number in range(4):
        expected = SuperResolver(carn, "cpu", Inference())(read_image(srbench.folder / f"hr/{number}.png"))
        np.testing.assert_array_equal(read_image(srbench.folder / f"out/{number}.png"), expected)


def test_what_is_no_image_is_named(carn, tmp_path, capsys):
    (tmp_path / "in/more").mkdir(parents=True)
    (tmp_path / "in/notes.txt").touch()
    write_image(tmp_path / "in/a.bmp", noise(5, 7))
    perform(["upscale", "in", "out", "model=bicubic", "scale=3"])
    out, err = capsys.readouterr()
    assert out == "out/a.png: 21×15\n"
    assert err == "skipped: in/more: no image\nskipped: in/notes.txt: no image\n"
    np.testing.assert_array_equal(read_image(tmp_path / "out/a.png"), imresize(noise(5, 7), 3))


def test_grey_and_alpha_are_read_as_everywhere_and_16_bits_stay(carn, tmp_path):
    Image.fromarray(noise(9, 12, 1)).save(tmp_path / "grey.png")
    Image.fromarray(noise(9, 12, 4)).save(tmp_path / "alpha.png")
    cv2.imwrite(str(tmp_path / "deep.png"), noise(9, 12, 3, np.uint16))
    for name, bits in {"grey": 8, "alpha": 8, "deep": 16}.items():
        perform(["upscale", f"{name}.png", f"{name}_x2.png", *CARN_8])
        expected = SuperResolver(carn, "cpu", Inference())(read_image(tmp_path / f"{name}.png", PixelFormat(bits)))
        written = read_image(tmp_path / f"{name}_x2.png", PixelFormat(bits))
        np.testing.assert_array_equal(written, expected)
    assert (written % 257 != 0).any()


def test_tiles_and_the_self_ensemble_are_as_asked(carn, tmp_path, capsys):
    write_image(tmp_path / "a.png", noise(120, 130))
    results = {}
    for name, words in {"whole": [], "tiles": ["tile=112"], "x8": ["self_ensemble=true"]}.items():
        perform(["upscale", "a.png", f"out/{name}.png", *CARN_8, *words])
        results[name] = read_image(tmp_path / f"out/{name}.png")
    assert (
        "out/tiles.png: 260×240, in tiles of at most 112 pixels of LR that overlap by 64\n" in capsys.readouterr().out
    )
    np.testing.assert_array_equal(results["tiles"], results["whole"])
    assert (results["x8"] != results["whole"]).any()


@pytest.mark.parametrize("size", [(1, 60), (60, 1)])
def test_a_strip_is_upscaled_or_refused_in_one_line(carn, tmp_path, size):
    write_image(tmp_path / "strip.png", noise(*size))
    perform(["upscale", "strip.png", "out", *CARN_8])
    assert read_image(tmp_path / "out/strip.png").shape == (2 * size[0], 2 * size[1], 3)
    line = f"strip.png: LR of {size[1]}×{size[0]} is too small for MDRN, which needs 15×15 or more"
    with pytest.raises(UserError, match=line):
        perform(["upscale", "strip.png", "out", *MDRN_16])


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (["a.png", "b.png"], "upscale: model=: must be given"),
        (["a.png", "model=bicubic"], "upscale: IN and OUT are needed, not 1 place (a.png)"),
        (["a.png", "b.png", "model=carn"], "model=carn: has no trained weights without checkpoint=FILE"),
        (["a.png", "b.png", "model=carn", "checkpoint=no.pth"], "checkpoint=no.pth: no such file"),
        (
            ["a.png", "b.png", "model=carn", "checkpoint=mdrn.safetensors"],
            "checkpoint=mdrn.safetensors: not weights of",
        ),
        (["a.png", "b.png", "modl=carn"], "upscale: modl=: no such option, did you mean model?"),
        (["a.png", "b.jpg", "model=bicubic"], "upscale: b.jpg: PNG files are written; name one, or a folder"),
        (["a.png", "a.png", "model=bicubic"], "upscale: a.png: would be overwritten; give another OUT"),
        (["no.png", "b.png", "model=bicubic"], "upscale: no.png: no such image or folder"),
        (["in", "out", "model=bicubic"], "upscale: in/a.jpg and a.png would both become out/a.png; rename one"),
        (["broken.png", "b.png", "model=bicubic"], "broken.png: cannot be read as an image"),
        (["a.png", "full/b.png", "model=bicubic"], "upscale: cannot write full/b.png: "),
        (["a.png", "b.png", "model=bicubic", "tile=0"], "eval.tile=0: auto, null (never any tiles) or a number"),
        (["a.png", "b.png", "model=bicubic", "tile=64"], "upscale: tile=64: 112 or more, as tiles here overlap by 64"),
        (["a.png", "b.png", "model=bicubic", "self_ensemble=8"], "eval.self_ensemble=8: true or false"),
        (["a.png", "b.png", "model=bicubic", "device=tpu"], "device=tpu: no such device"),
        (["a.png", "b.png", "model=bicubic", "threads=0"], "threads=0: auto, or a number from 1 on"),
    ],
)
def test_a_mistake_is_named(carn, tmp_path, monkeypatch, words, line):
    monkeypatch.setenv("SRBENCH_WEIGHTS", str(tmp_path))
    write_image(tmp_path / "a.png", noise(20, 24))
    (tmp_path / "in").mkdir()
    for name in ("in/a.png", "in/a.jpg"):
        write_image(tmp_path / name, noise(20, 24))
    (tmp_path / "broken.png").write_bytes(b"no image")
    (tmp_path / "full").touch()
    with pytest.raises(UserError) as error:
        perform(["upscale", *words])
    assert str(error.value).startswith(line)
    assert not (tmp_path / "b.png").exists()
    assert not list(tmp_path.glob(".*.png"))
