"""Pieces of images that somebody wants to see."""

Box = tuple[int, int, int, int]  # x, y, width and height in pixels of HR
Boxes = dict[str, Box]  # by image, or by `set/image`


NEEDED = "{IMAGE: [x, y, width, height], ...} is needed, in pixels of HR"


def as_boxes(found: object) -> Boxes:
    """ValueError for what is no mapping of names to lists of four whole numbers."""
    if not isinstance(found, dict):
        raise ValueError(NEEDED)
    return {str(image): _as_box(numbers) for image, numbers in found.items()}


def _as_box(numbers: object) -> Box:
    if not isinstance(numbers, list) or [type(one) for one in numbers] != [int] * 4:
        raise ValueError(NEEDED)
    x, y, width, height = numbers
    return x, y, width, height
