"""Whether the sets that `data check` looks at have LR by one resizer: a table compares images of one scale."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from srbench.data.check.detect import Verdict
from srbench.data.layouts import ImageSet
from srbench.data.lr_source import RESIZER


@dataclass(frozen=True)
class Made:
    """A set's LR at one scale, or at any (None) where srbench makes it. `names`: what may have made it."""

    label: str
    scale: int | None
    names: tuple[str, ...]
    maker: str


def mixed(sets: Sequence[ImageSet], verdicts: Sequence[Verdict | None]) -> Iterator[str]:
    """Sets that a table would put side by side, at one scale, with LR by different resizers."""
    made = _made(sets, verdicts)
    if bad := _mixed_scales(made):
        yield f"a table of these would mix resizers: {_listed(one for one in made if one.scale in (*bad, None))}"


def varying(sets: Sequence[ImageSet], verdicts: Sequence[Verdict | None]) -> Iterator[str]:
    """Sets whose resizer changes with the scale, which no table mixes."""
    made = _made(sets, verdicts)
    if not _agree(made) and not _mixed_scales(made):
        yield f"resizers differ from scale to scale, which no table mixes: {_listed(made)}"


def _made(sets: Sequence[ImageSet], verdicts: Sequence[Verdict | None]) -> list[Made]:
    """Nothing where no set has LR."""
    with_lr = {images.folder / images.name for images in sets if images.lr}
    made = []
    for images, verdict in zip(sets, verdicts, strict=True):
        if verdict and verdict.names:
            made.append(Made(images.label, images.scale, verdict.names, " or ".join(verdict.names)))
        elif with_lr and not verdict and images.folder / images.name not in with_lr:
            maker = f"{RESIZER} (srbench's, as there is no LR)"
            made.append(Made(images.label, images.scale, (RESIZER,), maker))
    return made


def _mixed_scales(made: Sequence[Made]) -> list[int]:
    scales = sorted({one.scale for one in made if one.scale is not None})
    return [scale for scale in scales if not _agree([one for one in made if one.scale in (scale, None)])]


def _agree(made: Sequence[Made]) -> bool:
    """Whether one resizer may have made all of them."""
    return not made or bool(set.intersection(*(set(one.names) for one in made)))


def _listed(made: Iterable[Made]) -> str:
    labels = defaultdict[str, list[str]](list)
    for one in made:
        labels[one.maker].append(one.label)
    return "; ".join(f"{maker}: {', '.join(found)}" for maker, found in labels.items())
