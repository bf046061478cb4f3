"""Crops: where networks differ most, or where somebody looks; from the images that runs keep."""

import numpy as np
import pytest
from PIL import Image

from srbench.core.errors import UserError
from srbench.reports.crop_pictures import draw_crops
from srbench.reports.write import write_report
from tests.reports.conftest import BASE, OTHER, Outcome

SCALE = 2


def image(seed: int = 0, side: int = 160) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (side, side, 3), dtype=np.uint8)


def keep(build, name: str, pixels: np.ndarray, folder: str = "images", file: str = "0") -> None:
    path = build.folder / name / folder / "set5" / f"{file}.png"
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path)


@pytest.fixture
def three(build):
    """Bicubic with HR, and two variants that differ in a square of 20 pixels at (100, 60) of image 0."""
    hr = image()
    names = [
        build.run("bicubic", hashed="x", left=Outcome(images={"set5": [30.0, 31.0]})),
        build.run("carn", BASE, hashed="a", left=Outcome(images={"set5": [32.0, 33.0]})),
        build.run("carn", OTHER, hashed="b", left=Outcome(images={"set5": [34.0, 33.5]})),
    ]
    for name in names:
        for number in ("0", "1"):
            keep(build, name, hr, file=number)
    for number in ("0", "1"):
        keep(build, names[0], hr, "hr", number)
    other = hr.copy()
    other[60:80, 100:120] = 255 - other[60:80, 100:120]
    keep(build, names[2], other)
    return names


def test_the_box_holds_what_differs_most(build, three):
    first, _ = build.report().crops
    assert (first.title, first.dataset, first.image) == ("carn · atrous ×2", "set5", "0")  # 2 dB apart, not 0.5
    x, y, width, height = first.box
    assert (width, height) == (64, 64)
    assert x <= 100 < 120 <= x + 64
    assert y <= 60 < 80 <= y + 64
    assert (x % SCALE, y % SCALE) == (0, 0)


def test_the_same_box_is_cut_from_every_image_beside_hr_and_bicubic(build, three):
    first = build.report().crops[0]
    x, y, width, height = first.box
    assert [crop.label for crop in first.crops] == ["HR", "bicubic", "1-1-1 (baseline)", "1-2-1"]
    for crop in first.crops[:3]:
        np.testing.assert_array_equal(crop.pixels, image()[y : y + height, x : x + width])
    assert (first.crops[3].pixels != first.crops[0].pixels).any()
    assert [crop.scores.get("psnr") for crop in first.crops] == [None, 30, 32, 34]


def test_a_box_by_hand_is_shown_as_it_is(build, three):
    report = build.report(crops={"1": (5, 7, 30, 20)})
    (only,) = report.crops
    assert (only.image, only.box, only.by_hand) == ("1", (5, 7, 30, 20), True)
    np.testing.assert_array_equal(only.crops[0].pixels, image()[7:27, 5:35])
    assert [one.box for one in build.report(crops={"set5/1": (5, 7, 30, 20)}).crops] == [(5, 7, 30, 20)]


@pytest.mark.parametrize("box", [(-1, 0, 5, 5), (0, 0, 0, 5), (150, 0, 11, 5), (0, 150, 5, 11)])
def test_a_box_outside_of_its_image_is_the_users_mistake(build, three, box):
    with pytest.raises(UserError, match=r"report\.crops: 1: \[x, y, width, height\] = .* does not lie within 160×160"):
        build.report(crops={"1": box})


def test_an_image_that_nobody_keeps_is_told_with_those_that_there_are(build, three):
    with pytest.raises(
        UserError, match=r"report\.crops: 7: no image that all networks .*; there are 0, 1, set5/0, set5/1"
    ):
        build.report(crops={"7": (0, 0, 5, 5)})


def test_a_study_without_hr_says_so(build, three):
    for file in build.folder.glob("bicubic*/hr/set5/*.png"):
        file.unlink()
    crop = build.report().crops[0].crops[0]
    assert crop.pixels is None
    assert "does not keep HR" in crop.reason


def test_an_image_that_cannot_be_read_is_told_and_the_others_are_shown(build, three):
    (build.folder / three[2] / "images" / "set5" / "0.png").write_bytes(b"\x89PNG")
    crops = build.report(crops={"0": (0, 0, 30, 30)}).crops[0].crops
    assert [crop.pixels is None for crop in crops] == [False, False, False, True]
    assert "0.png" in crops[3].reason


def test_images_that_cannot_be_read_at_all_stop_no_report(build, three):
    for file in build.folder.glob("carn*/images/set5/*.png"):
        file.write_bytes(b"\x89PNG")
    assert build.report().crops == ()


def test_an_image_of_another_size_is_told_and_stops_no_report(build, three, tmp_path):
    keep(build, three[2], image(side=100))
    crop = build.report(crops={"0": (110, 110, 30, 30)}).crops[0].crops[3]
    assert (crop.pixels, crop.reason) == (None, "its image is 100×100")
    assert (write_report(build.folder, tmp_path) / "index.html").is_file()


def test_only_images_that_all_keep_are_shown(build, three):
    (build.folder / three[1] / "images" / "set5" / "0.png").unlink()
    assert [one.image for one in build.report().crops] == ["1"]


def test_the_picture_shows_each_crop_pixel_by_pixel(build, three):
    found = build.report().crops[0]
    figure = draw_crops(found)
    shown = [axes.images[0] for axes in figure.axes[1:]]
    for drawn, crop in zip(shown, found.crops, strict=True):
        np.testing.assert_array_equal(np.asarray(drawn.get_array()), crop.pixels)
        assert drawn.get_interpolation() == "nearest"
    assert figure.axes[2].get_xlabel() == "30.00 dB"


def test_pictures_of_earlier_boxes_go(build, three, tmp_path):
    folder = write_report(build.folder, tmp_path)
    assert sorted(path.name for path in (folder / "crops").iterdir()) == ["1-0.png", "2-1.png"]
    (folder / "crops" / "for_the_talk.png").touch()  # somebody's own
    (build.folder / three[1] / "images" / "set5" / "0.png").unlink()
    write_report(build.folder, tmp_path)
    assert sorted(path.name for path in (folder / "crops").iterdir()) == ["1-1.png", "for_the_talk.png"]
