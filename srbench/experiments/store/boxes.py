"""Pieces of images that somebody wants to see."""

Box = tuple[int, int, int, int]  # x, y, width and height in pixels of HR
Boxes = dict[str, Box]  # by image, or by `set/image`


def as_box(numbers: object) -> Box:
    """ValueError for what is no list of four whole numbers."""
    if not isinstance(numbers, list) or [type(one) for one in numbers] != [int] * 4:
        raise ValueError(f"{numbers}: [x, y, width, height] is needed, in pixels of HR")
    x, y, width, height = numbers
    return x, y, width, height
