"""`data prepare` on miniatures, made of photographs: what it writes, and what it leaves as it is."""

import json
import os

import numpy as np
import pytest
import torch
from hydra.errors import MissingConfigException

from srbench.cli.dispatch import perform
from srbench.core.errors import UserError
from srbench.core.pixel_format import PixelFormat
from srbench.data import classsr_windows, memmap
from srbench.data.classsr_windows import SubImages
from srbench.data.folders import benchmark_pairs
from srbench.data.images import read_image, write_image
from srbench.data.memmap import Pile
from srbench.data.pairs import lr_source
from srbench.data.patches import Patches
from srbench.data.photos import Photos
from srbench.data.prepare.cut import Cut, Grid, cut
from srbench.data.prepare.lr_files import Shrinking, write_lr_files
from srbench.data.resize import imresize
from srbench.data.supply import Supply
from srbench.metrics.fidelity import psnr
from srbench.metrics.protocol import Protocol


@pytest.fixture(scope="module")
def photographs():
    """Parts of three: 74×97, 75×98 and 76×99, multiples of nothing."""
    files = Photos().train()
    return [np.ascontiguousarray(read_image(f)[150 : 224 + i, 160 : 257 + i]) for i, f in enumerate(files)]


@pytest.fixture
def root(tmp_path):
    return tmp_path / "data"


@pytest.fixture
def command(root, capsys):
    """Runs the command in this process and returns its lines."""

    def run(*words):
        jobs = [] if any("jobs=" in word for word in words) else ["jobs=1"]
        assert perform(["data", "prepare", *words, f"data_root={root}", *jobs])
        return capsys.readouterr().out.splitlines()

    return run


def make_hr(folder, photographs, names="abc"):
    folder.mkdir(parents=True)
    for name, hr in zip(names, photographs, strict=True):
        write_image(folder / f"{name}.png", hr)
    return folder


def shrunk(hr, scale, edge="symmetric"):
    height, width = (length // scale * scale for length in hr.shape[:2])
    return imresize(hr[:height, :width], 1 / scale, edge)


def files_below(folder):
    return {str(path.relative_to(folder)): path for path in folder.rglob("*") if path.is_file()}


def test_lr_images_are_the_bit_exact_resizers_in_edsrs_layout(root, command, photographs):
    make_hr(root / "benchmark/Own/HR", photographs)
    lines = command("own")
    assert lines == [f"{root}/benchmark/Own/LR_bicubic: X2, X3, X4 of 3 images by matlab-symmetric, 9 written now"]
    for scale in (2, 3, 4):
        pairs = benchmark_pairs(root, "own", scale)  # what evaluates reads it
        assert lr_source(pairs).resizer == "file"
        for pair, hr in zip(pairs, photographs, strict=True):
            np.testing.assert_array_equal(pair.read()[0], shrunk(hr, scale))


def test_the_edge_of_older_matlab(root, command, photographs):
    make_hr(root / "benchmark/Own/HR", photographs)
    command("own", "scale=2", "edge=replicate")
    lr = read_image(root / "benchmark/Own/LR_bicubic/X2/ax2.png")
    np.testing.assert_array_equal(lr, shrunk(photographs[0], 2, "replicate"))
    assert (lr != shrunk(photographs[0], 2)).any()


def test_matlabs_own_lr_of_set5_is_what_comes_out(root, command, shared):
    folder = root / "benchmark/Set5"
    folder.mkdir(parents=True)
    (folder / "HR").symlink_to(shared / "data/benchmark/Set5/HR")
    command("set5", "edge=replicate", f"out={root / 'made'}")
    for file in (shared / "data/benchmark/Set5/LR_bicubic").glob("*/*.png"):
        made = root / "made/Set5/LR_bicubic" / file.parent.name / file.name
        np.testing.assert_array_equal(read_image(made), read_image(file))


def test_div2k_has_its_own_names(root, command, photographs):
    make_hr(root / "DIV2K/DIV2K_train_HR", photographs, ["0001", "0002", "0003"])
    make_hr(root / "DIV2K/DIV2K_valid_HR", photographs[:1], ["0801"])
    assert len(command("div2k", "scale=2")) == 2
    assert sorted(name for name in files_below(root / "DIV2K") if "LR" in name and name.endswith("png")) == [
        "DIV2K_train_LR_bicubic/X2/0001x2.png",
        "DIV2K_train_LR_bicubic/X2/0002x2.png",
        "DIV2K_train_LR_bicubic/X2/0003x2.png",
        "DIV2K_valid_LR_bicubic/X2/0801x2.png",
    ]


def test_of_another_layout_hr_is_copied_to_its_lr_into_edsrs(root, command, photographs):
    make_hr(root / "testsets/own", photographs)
    command("own", "scale=2")
    for pair, hr in zip(benchmark_pairs(root, "own", 2), photographs, strict=True):
        lr, cropped = pair.read()
        np.testing.assert_array_equal(cropped, hr[: hr.shape[0] // 2 * 2, : hr.shape[1] // 2 * 2])
        np.testing.assert_array_equal(lr, shrunk(hr, 2))


def test_many_processes_write_what_one_does_and_a_broken_image_ends_them(tmp_path, root, command, photographs):
    folder = make_hr(root / "benchmark/Own/HR", photographs)
    command("own", "scale=2,4", f"out={tmp_path / 'one'}")
    (folder / "b.png").write_bytes(b"")
    with pytest.raises(UserError, match=r"b\.png: cannot be read as an image: the file is empty"):
        command("own", "scale=2,4", f"out={tmp_path / 'two'}", "jobs=2")
    write_image(folder / "b.png", photographs[1])
    command("own", "scale=2,4", f"out={tmp_path / 'two'}", "jobs=2")
    one, two = files_below(tmp_path / "one"), files_below(tmp_path / "two")
    assert one.keys() == two.keys()
    assert all(one[name].read_bytes() == two[name].read_bytes() for name in one)


def test_what_is_whole_stays_and_the_rest_is_written(root, command, photographs):
    folder = make_hr(root / "benchmark/Own/HR", photographs)
    command("own", "scale=2")
    files = [root / f"benchmark/Own/LR_bicubic/X2/{name}x2.png" for name in "abc"]
    before = [file.stat().st_mtime_ns for file in files]
    assert command("own", "scale=2")[0].endswith(" 0 written now")
    assert [file.stat().st_mtime_ns for file in files] == before
    old, young = files[0].with_name(f".{'0' * 32}.png"), files[0].with_name(f".{'1' * 32}.png")
    for left in (old, young):
        left.write_bytes(b"of a process that was killed")
    os.utime(old, (0, 0))
    files[1].write_bytes(files[1].read_bytes()[:-20])  # as a disk leaves it that was full, or a machine that died
    changed = photographs[2][::-1]
    write_image(folder / "c.png", changed)
    assert command("own", "scale=2")[0].endswith(" 2 written now")
    assert files[0].stat().st_mtime_ns == before[0]
    for file, hr in zip(files, [*photographs[:2], changed], strict=True):
        np.testing.assert_array_equal(read_image(file), shrunk(hr, 2))
    assert [path for name, path in files_below(root).items() if "/." in name] == [young]  # which may be in work


def test_a_changed_setting_is_refused_by_name(root, command, photographs):
    make_hr(root / "benchmark/Own/HR", photographs)
    command("own", "scale=2")
    message = r"X2: was made with resizer matlab-symmetric, not resizer matlab-replicate; delete it, or .* out=DIR"
    with pytest.raises(UserError, match=message):
        command("own", "scale=2", "edge=replicate")


def test_lr_images_of_others_are_never_touched(root, command, photographs):
    make_hr(root / "benchmark/Own/HR", photographs)
    theirs = make_hr(root / "benchmark/Own/LR_bicubic/X2", [shrunk(hr, 2) for hr in photographs], ["ax2", "bx2", "cx2"])
    with pytest.raises(UserError, match=r"X2: holds images that srbench did not make .*; move them away"):
        command("own", "scale=2")
    assert len(files_below(theirs)) == 3


@pytest.mark.parametrize(
    ("length", "grid", "starts"),
    [
        (2040, Grid(480, 240), [0, 240, 480, 720, 960, 1200, 1440, 1560]),  # BasicSR's settings on DIV2K's width
        (1200, Grid(480, 240), [0, 240, 480, 720]),  # nothing is left
        (480, Grid(480, 240), [0]),
        (240, Grid(128, 64, 48), [0, 64]),  # 48 are left: not more than 48
        (244, Grid(128, 64, 48), [0, 64, 116]),
        (61, Grid(32, 16, 12), [0, 16, 29]),  # the same at a quarter
        (60, Grid(32, 16, 12), [0, 16]),
    ],
)
def test_windows_by_hand(length, grid, starts):
    assert grid.starts(length) == starts


def test_sub_images_of_hr_and_lr_show_the_same_and_are_numbered_as_basicsrs(root, command, photographs):
    make_hr(root / "DIV2K/DIV2K_train_HR", photographs, ["0001", "0002", "0003"])
    lines = command("div2k", "sub_images=48", "step=24", "scale=2,4")
    folder = root / "DIV2K"
    hr, two, four = (
        folder / name
        for name in ("DIV2K_train_HR_sub", "DIV2K_train_LR_bicubic/X2_sub", "DIV2K_train_LR_bicubic/X4_sub")
    )
    # 74, 75 and 76 by 97, 98 and 99, cropped to 72, 72 and 76 by 96: 2, 2 and 3 rows by 3.
    assert lines[-3:] == [f"{sub}: 21 sub-images" for sub in (hr, two, four)]
    assert [path.name for path in sorted(hr.glob("0001*.png"))] == [f"0001_s{i:03}.png" for i in range(1, 7)]
    large = read_image(folder / "DIV2K_train_HR/0003.png")
    np.testing.assert_array_equal(read_image(hr / "0003_s008.png"), large[28:76, 24:72])  # the last row is flush
    for scale, sub in ((2, two), (4, four)):
        small = read_image(folder / f"DIV2K_train_LR_bicubic/X{scale}/0003x{scale}.png")
        size = 48 // scale
        expected = small[28 // scale : 28 // scale + size, 24 // scale : 24 // scale + size]
        np.testing.assert_array_equal(read_image(sub / "0003_s008.png"), expected)


def test_sub_images_use_lr_images_that_are_there(root, command, photographs):
    make_hr(root / "benchmark/Own/HR", photographs)
    marked = [255 - shrunk(hr, 2) for hr in photographs]
    make_hr(root / "benchmark/Own/LR_bicubic/X2", marked, ["ax2", "bx2", "cx2"])
    command("own", "sub_images=48", "step=24", "scale=2")
    cut = read_image(root / "benchmark/Own/LR_bicubic/X2_sub/a_s002.png")
    np.testing.assert_array_equal(cut, marked[0][:24, 12:36])


def test_sub_images_that_were_interrupted_are_gone_on_with(root, command, photographs):
    make_hr(root / "benchmark/Own/HR", photographs)
    words = ("own", "sub_images=48", "step=24", "scale=2")
    command(*words)
    sub = root / "benchmark/Own/HR_sub"
    before = {name: path.stat().st_mtime_ns for name, path in files_below(sub).items()}
    (sub / "b_s002.png").unlink()
    command(*words)
    after = {name: path.stat().st_mtime_ns for name, path in files_below(sub).items()}
    assert {name for name in before if before[name] != after[name]} == {"b_s002.png"}
    with pytest.raises(UserError, match=r"HR_sub: was made with step 24, not step 12"):
        command("own", "sub_images=48", "step=12", "scale=2")


def batches(files, scales, in_memory):
    supply = Supply(files, scales[0], scales, 4, 24, seed=3)
    source = Patches(supply, multi_scale=len(scales) > 1, in_memory=in_memory)
    return [source.batch(step) for step in range(6)]


@pytest.mark.parametrize("scales", [(2,), (2, 3, 4)])
def test_training_from_the_cache_sees_the_same_batches(root, command, photographs, scales, tmp_path):
    files = sorted(make_hr(root / "own/HR", photographs).iterdir())
    command("own", "cache=true", f"scale={','.join(map(str, scales))}")
    made = {name: path.stat().st_mtime_ns for name, path in files_below(tmp_path / "cache").items()}
    mapped, in_memory = batches(files, scales, 0), batches(files, scales, 1 << 40)
    for one, two in zip(mapped, in_memory, strict=True):
        assert one.scale == two.scale
        assert torch.equal(one.lr, two.lr)
        assert torch.equal(one.hr, two.hr)
    after = {name: path.stat().st_mtime_ns for name, path in files_below(tmp_path / "cache").items()}
    assert made.items() <= after.items()  # training found everything, and made nothing anew


def test_the_cache_is_mapped_and_holds_the_pixels(root, photographs):
    files = sorted(make_hr(root / "own/HR", photographs).iterdir())
    supply = Supply(files[:2], 3, None, 1, 24, seed=0, thumbnail=lambda lr: lr[..., :4, :4])
    source = Patches(supply, in_memory=0)
    for images, photograph in zip((source.hr[3], source.lr[3]), ("hr", "lr"), strict=True):
        for image, hr in zip(images, photographs, strict=False):
            expected = shrunk(hr, 3) if photograph == "lr" else hr[: hr.shape[0] // 3 * 3, : hr.shape[1] // 3 * 3]
            np.testing.assert_array_equal(image, expected)
            assert not image.flags.writeable
            base = image
            while not isinstance(base, np.memmap):
                base = base.base
    assert torch.equal(source.batch(0).lr, Patches(supply).batch(0).lr)


def test_a_cache_of_images_that_have_changed_is_made_anew(root, photographs):
    files = sorted(make_hr(root / "own/HR", photographs).iterdir())
    batches(files, (2,), 0)
    write_image(files[0], photographs[0][:, ::-1])
    for one, two in zip(batches(files, (2,), 0), batches(files, (2,), 1 << 40), strict=True):
        assert torch.equal(one.hr, two.hr)
        assert torch.equal(one.lr, two.lr)


def test_a_pile_that_was_interrupted_is_gone_on_with(tmp_path):
    pile = Pile(tmp_path / "pile", dict.fromkeys("abcd", (2, 3)), {})
    tasks = [(("a", "b"), (1,)), (("c", "d"), (2,))]
    made = []

    def make(number, fails):
        made.append(number)
        if number == fails:
            raise KeyboardInterrupt
        return [np.full((2, 3, 3), 10 * number + i, np.uint8) for i in range(2)]

    with pytest.raises(KeyboardInterrupt):
        memmap.build(pile, lambda number: make(number, fails=2), tasks, 1, lambda *_: None)
    assert not pile.is_whole
    memmap.build(pile, lambda number: make(number, fails=0), tasks, 1, lambda *_: None)
    assert made == [1, 2, 2]
    assert {name: int(image[0, 0, 0]) for name, image in memmap.images(pile.folder).items()} == {
        "a": 10,
        "b": 11,
        "c": 20,
        "d": 21,
    }
    assert all((image == image[0, 0, 0]).all() for image in memmap.images(pile.folder).values())


def test_a_pile_larger_than_the_disk_is_refused_before_it_begins(tmp_path):
    pile = Pile(tmp_path / "pile", {"a": (10**8, 10**8)}, {})
    with pytest.raises(UserError, match=r"30000000\.0 GB are needed there, .* GB are free"):
        memmap.build(pile, lambda: [], [(("a",), ())], 1, lambda *_: None)


@pytest.fixture
def large():
    """220×240, from the astronaut."""
    return np.ascontiguousarray(read_image(Photos().train()[0])[:220, 100:340])


def bicubic(lr):
    return np.stack([imresize(image, 4) for image in lr])


def test_classsrs_windows_by_hand(tmp_path, large):
    write_image(tmp_path / "a.png", large)
    made = classsr_windows.prepare(
        [tmp_path / "a.png"],
        tmp_path / "out",
        classsr_windows.FACTORS,
        classsr_windows.TRAIN,
        bicubic,
        1,
        lambda *_: None,
    )
    # 220×240 at each factor, cropped to multiples of 4. A window of 128 begins at 0, and from 192 on at 64; above 48
    # left would make one more: 220 leaves 28, 240 48, 196 and 216 leave 4 and 24, 176 leaves 48, 168 leaves 40.
    sizes = [image.shape[:2] for image in made.hr]
    assert sizes == [(220, 240), (196, 216), (176, 192), (152, 168), (132, 144)]
    assert np.bincount(made.windows["image"]).tolist() == [2 * 2, 2 * 2, 1 * 2, 1, 1]
    np.testing.assert_array_equal(made.hr[2], imresize(large, 0.8))
    np.testing.assert_array_equal(made.hr[3], imresize(large, 0.7)[:152])
    np.testing.assert_array_equal(made.lr[3], imresize(np.array(made.hr[3]), 1 / 4))


def test_classsrs_windows_are_pairs_with_their_psnr_and_level(tmp_path, large):
    write_image(tmp_path / "a.png", large)
    made = classsr_windows.prepare(
        [tmp_path / "a.png"], tmp_path / "out", (1.0, 0.9), Grid(128, 64, 48), bicubic, 1, print
    )
    protocol = Protocol("rgb", "rgb")
    for index, window in enumerate(made.windows):
        lr, hr = made.pair(index)
        assert (lr.shape, hr.shape) == ((32, 32, 3), (128, 128, 3))
        whole = made.lr[window["image"]]
        np.testing.assert_array_equal(lr, whole[window["top"] :, window["left"] :][:32, :32])
        expected = psnr(protocol.prepare(imresize(np.array(lr), 4), 4), protocol.prepare(np.array(hr), 4)).item()
        assert window["psnr"] == pytest.approx(expected, abs=1e-4)
    np.testing.assert_array_equal(made.windows["level"], classsr_windows.levels(made.windows["psnr"]))


def test_classsrs_thresholds():
    psnr = np.array([27.1688, 27.16882, 35.1497, 35.149761, np.inf], np.float64)
    assert classsr_windows.levels(psnr).tolist() == [3, 2, 2, 1, 1]


def test_a_ranking_that_was_interrupted_is_gone_on_with(tmp_path, large):
    for name in "ab":
        write_image(tmp_path / f"{name}.png", large)
    files, calls = [tmp_path / "a.png", tmp_path / "b.png"], []

    def interrupted(lr):
        calls.append(len(lr))
        if len(calls) == 2:
            raise KeyboardInterrupt
        return bicubic(lr)

    arguments = (files, tmp_path / "out", (1.0,), classsr_windows.VALID)
    with pytest.raises(KeyboardInterrupt):
        classsr_windows.prepare(*arguments, interrupted, 1, lambda *_: None)
    made = classsr_windows.prepare(*arguments, interrupted, 1, lambda *_: None)
    assert calls == [4, 4, 4]  # a, b interrupted, b: windows at 0 and, as 92 and 112 are left, flush or at 112
    assert np.isfinite(made.windows["psnr"]).all()
    assert {*files_below(tmp_path / "out")} >= {"windows.npy"}
    assert not [name for name in files_below(tmp_path / "out") if "part" in name]
    again = classsr_windows.prepare(*arguments, lambda lr: pytest.fail("ranks again"), 1, lambda *_: None)
    np.testing.assert_array_equal(again.windows, made.windows)


def test_classsr_by_a_model_of_the_command_line(root, command, large):
    make_hr(root / "DIV2K/DIV2K_valid_HR", [large], ["0801"])
    (line,) = command("div2k", "classsr=true", "model=bicubic")
    folder = root / "DIV2K/DIV2K_valid_ClassSR"
    made = SubImages(folder)
    share = f"{np.mean(made.windows['level'] == 3):.1%} hard"
    assert line.startswith(f"{folder}: 4 windows ranked by bicubic: ")
    assert line.endswith(share)
    note = json.loads((folder / "prepared.json").read_text())
    assert (note["step"], note["factors"], note["model"]["scale"]) == (112, [1.0], 4)
    lr, hr = made.pair(3)
    score = psnr(*(Protocol("rgb", "rgb").prepare(image, 4) for image in (imresize(np.array(lr), 4), np.array(hr))))
    assert made.windows["psnr"][3] == pytest.approx(score.item(), abs=1e-4)


@pytest.mark.parametrize(
    ("words", "line"),
    [
        ([], "data prepare: NAME|FOLDER is needed, not 0 places; see: python -m srbench data prepare --help"),
        (["own", "scal=2"], "scal=: no such option, did you mean scale?"),
        (["own", "scale=1/2"], "scale=1/2: a whole number from 2 on"),
        (["own", "edge=mirror"], "edge=mirror: no such choice (there are replicate, symmetric)"),
        (["own", "jobs=0"], "jobs=0: auto, or a whole number from 1 on"),
        (["own", "sub_images=48"], "step=: must be given with sub_images="),
        (["own", "sub_images=48", "step=22", "scale=4"], "step=22 is no multiple of scale=4"),
        (["own", "sub_images=400", "step=20", "scale=2"], "a length of 74 is less than a window's 400"),
        (["own", "step=24"], "step= goes with sub_images= only"),
        (["own", "cache=true", "edge=replicate"], "edge= does not go with cache="),
        (["own", "cache=true", "classsr=true"], "cache= and classsr= are made one at a time"),
        (["own", "cache=yes"], "cache=yes: true, or leave it out"),
        (["own", "classsr=true"], "model=: must be given with classsr="),
        (["own", "model=carn"], "model= goes with classsr= only"),
        (["own", "classsr=true", "model=carn"], "model=carn: has no trained weights without checkpoint=FILE"),
        (["own", "classsr=true", "model=bicubic"], "97×74 at 1 is smaller than a window of 128"),
        (["own", "scale=90"], "97×74 is smaller than scale=90"),
        (["none"], "none: no such set below"),
    ],
)
def test_mistakes_are_told_in_one_line(root, command, photographs, words, line):
    make_hr(root / "benchmark/Own/HR", photographs)
    with pytest.raises(UserError) as error:
        command(*words)
    assert line in str(error.value)
    assert "\n" not in str(error.value)


def test_a_model_that_does_not_exist_is_no_fault_of_the_disk(root, command, photographs):
    """Hydra's exception for it is an OSError."""
    make_hr(root / "benchmark/Own/HR", photographs)
    with pytest.raises(MissingConfigException, match="model/nope"):
        command("own", "classsr=true", "model=nope")


def test_a_disk_that_cannot_be_written_is_told(root, command, photographs):
    make_hr(root / "benchmark/Own/HR", photographs)
    (root / "full").touch()
    with pytest.raises(UserError, match=r"cannot write .*make room, or write elsewhere with out=DIR"):
        command("own", f"out={root / 'full'}")
    assert (root / "full").stat().st_size == 0


def test_what_is_prepared_of_16_bits_has_16(tmp_path):
    deep = np.random.default_rng(0).integers(0, 65536, (48, 48, 3)).astype(np.uint16)
    write_image(tmp_path / "a.png", deep)
    folders = {1: tmp_path / "cut"}
    folders[1].mkdir()
    assert cut(Cut("a", {1: tmp_path / "a.png"}, folders, Grid(24, 24), 1)) == 4
    np.testing.assert_array_equal(read_image(folders[1] / "a_s004.png", PixelFormat(16)), deep[24:, 24:])
    write_lr_files(Shrinking(tmp_path / "a.png", {2: tmp_path / "ax2.png"}, "symmetric", None))
    np.testing.assert_array_equal(read_image(tmp_path / "ax2.png", PixelFormat(16)), imresize(deep, 1 / 2))
