"""`data check` on miniatures, made of photographs, with one thing wrong with each."""

import os
import shutil

import cv2
import numpy as np
import pytest
from PIL import Image

from srbench.cli.dispatch import perform
from srbench.core.errors import UserError
from srbench.data.check.findings import Look, other_sizes
from srbench.data.folders import benchmark_pairs
from srbench.data.images import read_image, write_image
from srbench.data.layouts import find
from srbench.data.photos import Photos
from srbench.data.resize import imresize


@pytest.fixture(scope="module")
def photographs():
    """Parts of three, of 84×96."""
    return [np.ascontiguousarray(read_image(file)[150:234, 160:256]) for file in Photos().train()]


def matlab(hr, scale):
    return imresize(hr, 1 / scale, "replicate")


def pillow(hr, scale):
    return np.asarray(
        Image.fromarray(hr).resize((hr.shape[1] // scale, hr.shape[0] // scale), Image.Resampling.BICUBIC)
    )


@pytest.fixture
def own(tmp_path, photographs):
    """A set of three in EDSR's layout with ×2 and ×3."""
    return make_set(tmp_path / "data/benchmark/Own", photographs, {2: matlab, 3: matlab})


def make_set(folder, photographs, makers):
    for name, hr in zip("abc", photographs, strict=True):
        (folder / "HR").mkdir(parents=True, exist_ok=True)
        write_image(folder / "HR" / f"{name}.png", hr)
        for scale, make in makers.items():
            lr = folder / "LR_bicubic" / f"X{scale}"
            lr.mkdir(parents=True, exist_ok=True)
            write_image(lr / f"{name}x{scale}.png", make(hr, scale))
    return folder


@pytest.fixture
def checked(capsys, tmp_path):
    """Runs the command and returns the exit status that it leads to, and its lines."""

    def run(*words):
        well = perform(["data", "check", *words, f"data_root={tmp_path / 'data'}"])
        return (0 if well else 1), capsys.readouterr().out.splitlines()

    return run


def test_nothing_is_wrong_with_a_set_that_is_whole(own, checked):
    status, lines = checked("own")
    made = "3 HR of 96×84, 3 LR by matlab-replicate (older MATLAB's imresize), equal in every value looked at"
    assert lines == [
        f"Own ×2 (EDSR, {own}): {made}",
        f"Own ×3 (EDSR, {own}): {made}",
        "9 images, nothing wrong",
    ]
    assert status == 0


def wrong(lines):
    return [line for line in lines if line.startswith("wrong: ")]


def test_missing_and_superfluous_images_are_named(own, checked):
    (own / "LR_bicubic/X2/bx2.png").rename(own / "LR_bicubic/X2/dx2.png")
    status, lines = checked("own")
    assert wrong(lines) == [
        "wrong: Own ×2: 1 of 3 LR images missing: b",
        "wrong: Own ×2: 1 of 3 LR images without HR: d",
    ]
    assert (status, lines[-1]) == (1, "9 images, 2 wrong")


def test_an_image_that_is_there_twice_is_named(own, checked, photographs):
    write_image(own / "HR/b.bmp", photographs[1])
    shutil.copy(own / "LR_bicubic/X3/cx3.png", own / "LR_bicubic/X3/cx3.webp")
    status, lines = checked("own")
    assert wrong(lines) == [
        f"wrong: {own}/HR: images that share a name: b.bmp and b.png; move one of each two away",
        f"wrong: {own}/LR_bicubic/X3: images that share a name: cx3.png and cx3.webp; move one of each two away",
    ]
    assert status == 1


def test_a_name_in_another_encoding_is_named(own, checked):
    (own / "HR/c.png").rename(own / "HR" / os.fsdecode(b"caf\xe9.png"))
    status, lines = checked("own")
    assert rf"wrong: {own}/HR: names that are no text in utf-8: caf\udce9; rename them" in wrong(lines)
    assert status == 1


def test_a_set_whose_folders_are_empty_is_not_whole(tmp_path, checked):
    for folder in ("HR", "LR_bicubic/X2"):
        (tmp_path / "data/Own" / folder).mkdir(parents=True)
    status, lines = checked("own")
    assert wrong(lines) == ["wrong: Own ×2: no images"]
    assert status == 1


def test_lr_without_its_scale_in_the_name_is_found_by_both(own, checked, tmp_path):
    (own / "LR_bicubic/X2/bx2.png").rename(own / "LR_bicubic/X2/b.png")
    pairs = {pair.name: pair for pair in benchmark_pairs(tmp_path / "data", "own", 2)}
    assert pairs["b"].lr_file == own / "LR_bicubic/X2/b.png"
    assert checked("own")[0] == 0


def test_lr_in_no_layout_and_what_is_not_read_of_an_image_are_noted(own, checked):
    (own / "LR_bicubic/X2").rename(own / "LR_x2")
    Image.new("RGBA", (200, 180)).save(own / "HR/d.png")
    Image.new("RGB", (200, 180)).save(own / "HR/e.GIF")
    _, lines = checked("own")
    assert f"note: {own}/LR_x2: LR images in no layout that srbench reads: neither looked at here" in "\n".join(lines)
    assert f"note: {own}/HR/d.png: alpha is left out" in lines
    assert f"note: {own}/HR/e.GIF: left out: no format that is read (.bmp, .jpeg, " in "\n".join(lines)


def test_hr_whose_name_ends_as_a_scale_does_is_not_mistaken_for_lr(tmp_path, checked, photographs):
    folder = make_set(tmp_path / "data/benchmark/Own", photographs, {2: matlab})
    (folder / "HR/b.png").rename(folder / "HR/ax2.png")
    (folder / "LR_bicubic/X2/bx2.png").rename(folder / "LR_bicubic/X2/ax2x2.png")
    assert checked("own")[0] == 0


def test_lr_that_does_not_fit_is_named_with_sizes(own, checked, photographs):
    write_image(own / "LR_bicubic/X3/cx3.png", matlab(photographs[2], 3)[:, :31])
    status, lines = checked("own")
    assert wrong(lines) == ["wrong: Own ×3: 1 of 3 LR images not 1/3 of HR: c; c is 31×28, HR 96×84"]
    assert status == 1


def test_hr_may_exceed_lr_by_less_than_the_scale(tmp_path, checked, photographs):
    odd = [np.ascontiguousarray(hr[:83, :95]) for hr in photographs]
    make_set(tmp_path / "data/Odd", odd, {2: lambda hr, scale: matlab(hr[:82, :94], scale)})
    assert checked("odd")[0] == 0


def test_files_that_cannot_be_read_are_named_once(own, checked):
    whole = (own / "HR/a.png").read_bytes()
    (own / "HR/a.png").write_bytes(whole[: len(whole) // 2])
    (own / "LR_bicubic/X2/bx2.png").write_bytes(b"")
    status, lines = checked("own")
    first, second = wrong(lines)
    assert first.startswith(f"wrong: {own}/HR/a.png: cannot be read as an image: ")
    assert second == f"wrong: {own}/LR_bicubic/X2/bx2.png: cannot be read as an image: the file is empty"
    assert status == 1


def test_a_number_that_the_catalogue_knows_is_expected_and_gaps_are_named(tmp_path, checked, photographs):
    for number in (1, 2, 4, 6):
        (tmp_path / "data/benchmark/Urban100/HR").mkdir(parents=True, exist_ok=True)
        write_image(tmp_path / f"data/benchmark/Urban100/HR/img{number:03}.png", photographs[0])
    status, lines = checked("urban100")
    assert wrong(lines) == ["wrong: Urban100: 4 of 100 HR images; missing: img003, img005"]
    assert status == 1


def test_a_part_that_is_not_there_is_named(tmp_path, checked, photographs):
    for number in range(1, 801):
        path = tmp_path / f"data/DIV2K/DIV2K_train_HR/{number:04}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        write_image(path, photographs[0][:8, :8])
    status, lines = checked("div2k")
    assert wrong(lines) == [f"wrong: {tmp_path}/data/DIV2K/DIV2K_valid_HR: 0 of 100 images"]
    assert status == 1


def test_folders_of_folders_are_counted_as_a_whole(tmp_path, checked, photographs):
    for kind in ("animal", "sky"):
        (tmp_path / f"data/OST/OutdoorSceneTest300/{kind}").mkdir(parents=True)
        write_image(tmp_path / f"data/OST/OutdoorSceneTest300/{kind}/{kind}.png", photographs[0])
    status, lines = checked("ost")
    assert [line.partition(" (")[0] for line in lines[:2]] == ["animal", "sky"]
    assert f"wrong: {tmp_path}/data/OST/OutdoorSceneTest300: 2 of 300 images" in lines
    assert status == 1


def make_selfexsr(folder, photographs, crops):
    """HR and LR of each scale, HR of which `crops` leaves a part."""
    for scale, crop in crops.items():
        (folder / f"image_SRF_{scale}").mkdir(parents=True)
        for number, photograph in enumerate(photographs, 1):
            hr = np.ascontiguousarray(photograph[crop])
            stem = folder / f"image_SRF_{scale}" / f"img_{number:03}_SRF_{scale}"
            write_image(stem.with_name(f"{stem.name}_HR.png"), hr)
            write_image(stem.with_name(f"{stem.name}_LR.png"), matlab(hr, scale))


def test_hr_of_another_size_at_another_scale_is_a_bad_copy(tmp_path, checked, photographs):
    """As the package of Urban100 whose HR images of ×2 have half the size: each scale is whole in itself."""
    make_selfexsr(tmp_path / "data/Own", photographs, {2: np.s_[:42, :48], 4: np.s_[:84]})
    status, lines = checked("own")
    (line,) = wrong(lines)
    assert line.startswith(
        "wrong: Own ×2: 3 of 3 HR images of another size than at ×4: img_001, img_002, img_003; "
        "img_001 is 48×42, there 96×84"
    )
    assert status == 1


@pytest.mark.parametrize(("width", "height", "status"), [(984, 797, 0), (972, 792, 0), (492, 398, 1)])
def test_a_whole_urban100_of_half_the_size_is_a_bad_copy(tmp_path, checked, width, height, status):
    """984×797 is the mean that Wang et al., TPAMI 2021, state; 972×792 it cropped to a multiple of 12."""
    folder = tmp_path / "data/benchmark/Urban100/HR"
    folder.mkdir(parents=True)
    write_image(folder / "img001.png", np.zeros((height, width, 3), np.uint8))
    for number in range(2, 101):
        shutil.copy(folder / "img001.png", folder / f"img{number:03}.png")
    found, lines = checked("urban100")
    told = f"wrong: {folder}: HR images of 492×398 on average, not 984×797: a known bad copy, or another set"
    assert wrong(lines) == [told] * status
    assert found == status


def test_one_scale_of_urban100_of_half_the_size_is_a_bad_copy(tmp_path):
    folder = tmp_path / "Urban100/image_SRF_2"
    folder.mkdir(parents=True)
    for number in range(1, 101):
        (folder / f"img_{number:03}_SRF_2_HR.png").touch()
    sets = find(folder)
    sizes = [(398, 492), (1196, 1476)]
    halves, wholes = ({name: Look(size, None, (), None) for name in sets[0].hr} for size in sizes)
    assert "HR images of 492×398 on average, not 984×797" in next(other_sizes(sets, [halves]))
    mixture = dict([*list(halves.items())[:50], *list(wholes.items())[50:]])
    assert not list(other_sizes(sets, [mixture]))  # of 984×797 on average


@pytest.mark.parametrize(("width", "status"), [(93, 0), (90, 1)])
def test_hr_may_differ_between_scales_by_what_is_cropped(tmp_path, checked, photographs, width, status):
    make_selfexsr(tmp_path / "data/Own", photographs, {3: np.s_[:, :width], 4: np.s_[:]})
    assert checked("own")[0] == status


def test_lr_by_an_unknown_resizer_is_told_with_the_nearest(tmp_path, checked, photographs):
    make_set(tmp_path / "data/Own", photographs, {2: lambda hr, scale: cv2.blur(matlab(hr, scale), (2, 2))})
    status, lines = checked("own")
    assert "3 LR by an unknown resizer" in lines[0]
    (line,) = wrong(lines)
    assert line.startswith("wrong: Own ×2: none of the resizers that srbench knows made LR; ")
    assert "is the nearest: " in line
    assert status == 1


def test_one_image_by_another_resizer_is_named(own, checked, photographs):
    write_image(own / "LR_bicubic/X2/bx2.png", pillow(photographs[1], 2))
    status, lines = checked("own")
    assert wrong(lines) == ["wrong: Own ×2: 1 of 3 LR images made otherwise: b by pil-bicubic"]
    assert status == 1


def test_scales_by_different_resizers_are_worth_a_note_and_not_wrong(tmp_path, checked, photographs):
    make_set(tmp_path / "data/Own", photographs, {2: matlab, 3: pillow, 4: matlab})
    status, lines = checked("own")
    assert lines[3:] == [
        "note: resizers differ from scale to scale, which no table mixes: "
        "matlab-replicate: Own ×2, Own ×4; pil-bicubic: Own ×3",
        "12 images, nothing wrong",
    ]
    assert status == 0


def test_only_the_scales_at_which_sets_differ_would_mix_in_a_table(tmp_path, checked, photographs):
    make_set(tmp_path / "data/One", photographs, {2: matlab, 3: pillow})
    make_set(tmp_path / "data/Two", photographs, {2: matlab, 3: matlab})
    status, lines = checked("one", "two")
    assert wrong(lines) == ["wrong: a table of these would mix resizers: pil-bicubic: One ×3; matlab-replicate: Two ×3"]
    assert not [line for line in lines if line.startswith("note: ")]
    assert status == 1


def test_sets_by_different_resizers_would_mix_in_a_table_and_so_would_one_without_lr(
    own, tmp_path, checked, photographs
):
    make_set(tmp_path / "data/Bare", photographs, {})
    assert checked("own")[0] == checked("bare")[0] == 0
    status, lines = checked("own", "bare")
    assert wrong(lines) == [
        "wrong: a table of these would mix resizers: matlab-replicate: Own ×2, Own ×3; "
        "matlab-symmetric (srbench's, as there is no LR): Bare"
    ]
    assert status == 1


def test_set5_is_the_copy_that_the_catalogue_knows_until_a_pixel_changes(tmp_path, checked, shared):
    folder = tmp_path / "data/benchmark/Set5"
    shutil.copytree(shared / "data/benchmark/Set5", folder)
    status, lines = checked("set5")
    assert status == 0
    assert lines[-1] == "20 images, nothing wrong"
    assert len(lines) == 4
    head = read_image(folder / "HR/head.png").copy()
    head[-1, -1] ^= 1  # one step of one value: too little to show in LR
    write_image(folder / "HR/head.png", head)
    (note,) = [line for line in checked("set5")[1] if line.startswith("note: ")]
    assert note == f"note: {folder}/HR: not the copy that the catalogue knows: other pixels, or another crop"


def test_a_copy_of_set5_in_another_layout_is_known_by_its_pixels(tmp_path, checked, shared):
    """BasicSR's LR images lack the scale in their names, which the digests of EDSR's copy count in."""
    source, folder = shared / "data/benchmark/Set5", tmp_path / "data/Set5"
    shutil.copytree(source / "HR", folder / "GTmod12")
    (folder / "LRbicx2").mkdir()
    for file in (source / "LR_bicubic/X2").iterdir():
        shutil.copy(file, folder / "LRbicx2" / file.name.replace("x2", ""))
    status, lines = checked("set5")
    assert (status, len(lines), lines[-1]) == (0, 2, "10 images, nothing wrong")
    lr = read_image(folder / "LRbicx2/bird.png").copy()
    lr[-1, -1] ^= 1
    write_image(folder / "LRbicx2/bird.png", lr)
    assert f"note: {folder}/LRbicx2: not the copy" in checked("set5")[1][1]


def test_mistakes(tmp_path):
    with pytest.raises(UserError, match=r"data check: NAME\|FOLDER is needed, not 0 places"):
        perform(["data", "check"])
    with pytest.raises(
        UserError, match=r"data check: jobs=: no such option .*; see: python -m srbench data check --help"
    ):
        perform(["data", "check", "set5", "jobs=2"])
    with pytest.raises(UserError, match="set5: no such set below"):
        perform(["data", "check", "set5", f"data_root={tmp_path}"])
