"""Crops as pictures within a page."""

from base64 import b64encode
from dataclasses import dataclass
from io import BytesIO

import numpy as np
from PIL import Image

from srbench.reports.crop_pictures import crop_scores
from srbench.reports.crops import Crop, CropSet

WHOLE = 480  # pixels of the longer side of the image that a box is shown in


@dataclass(frozen=True)
class PageCrop:
    """`source`: the picture as a data URI, "" where it is missing for a `reason`."""

    label: str
    source: str
    scores: str
    reason: str


@dataclass(frozen=True)
class PageCrops:
    """`place`: of the box in the image, left, top, width and height in per cent."""

    title: str
    dataset: str
    image: str
    box: tuple[int, int, int, int]
    whole: str
    place: tuple[float, float, float, float]
    crops: tuple[PageCrop, ...]


def page_crops(found: CropSet) -> PageCrops:
    """The crops as PNG, the image that they are from as a small JPEG."""
    height, width = found.whole.shape[:2]
    x, y, wide, high = found.box
    return PageCrops(
        title=found.title,
        dataset=found.dataset,
        image=found.image,
        box=found.box,
        whole=_picture(found.whole, "JPEG"),
        place=(100 * x / width, 100 * y / height, 100 * wide / width, 100 * high / height),
        crops=tuple(map(_crop, found.crops)),
    )


def _crop(crop: Crop) -> PageCrop:
    source = "" if crop.pixels is None else _picture(crop.pixels, "PNG")
    return PageCrop(crop.label, source, crop_scores(crop), crop.reason)


def _picture(pixels: np.ndarray, form: str) -> str:
    image, file = Image.fromarray(pixels), BytesIO()
    if form == "JPEG":
        image.thumbnail((WHOLE, WHOLE))
        image.save(file, form, quality=80)
    else:
        image.save(file, form, optimize=True)
    return f"data:image/{form.lower()};base64,{b64encode(file.getvalue()).decode()}"
