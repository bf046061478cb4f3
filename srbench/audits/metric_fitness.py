"""Whether a metric of `metrics/table.py` does what a metric must: looked at on a bundled photograph, offline."""

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path

import numpy as np

from srbench.audits.ticks import Fitness, Inspection, LeftOutError, RedError
from srbench.data.images import read_image
from srbench.data.photos import Photos
from srbench.metrics.protocol import protocol_named
from srbench.metrics.scorer import Scorer, check_metrics, make_scorer
from srbench.metrics.table import METRICS

SIDE, SCALE = 256, 2  # pixels of HR
STRONGER = (4.0, 16.0, 48.0)  # levels of noise
Score = Callable[..., float]


def check_metric(name: str, weights_folders: Sequence[Path]) -> Fitness:
    """Eight looks at a metric: that it can be had, its direction, its repeatability, its images.

    UserError for a metric that does not exist.
    """
    check_metrics([name], "metric={}")
    scorer = make_scorer([name], protocol_named("y"), weights_folders)
    hr = np.ascontiguousarray(read_image(Photos().valid()[0])[:SIDE, :SIDE])
    return Fitness(f"metric {name}", tuple(look.tick() for look in _looks(name, scorer, hr)))


def _looks(name: str, scorer: Scorer, hr: np.ndarray) -> Iterator[Inspection]:
    def look(title: str, found: Callable[[str, Score, np.ndarray], str], cure: str) -> Inspection:
        ready = partial(found, name, partial(_score, name, scorer), hr)
        return Inspection(title, True, partial(_where_there, scorer, ready), cure)

    yield Inspection("at hand", True, partial(_at_hand, scorer), "see what it needs in metrics/table.py")
    yield look("equal images", _equal, "of a metric with a reference no picture may be better than HR itself")
    yield look("direction", _direction, "higher_is_better in metrics/table.py says which way is better")
    yield look("repeatable", _repeatable, "draw no numbers, or with a seed of the image's own")
    yield look("one by one", partial(_together, scorer=scorer), "a score may not depend on the images beside it")
    yield look("odd sizes", _odd, "take images of any size, or raise ValueError with a whole sentence")
    yield look("images stay", _images_stay, "change no array that it is given")
    yield look("a plain number", _plain, "a float, finite for different images")


def _score(name: str, scorer: Scorer, sr: np.ndarray, hr: np.ndarray) -> float:
    found = scorer.of_images([(sr, hr, SCALE)])[0]
    if found.missing:
        raise RedError(found.missing[0].reason, "")
    return found.numbers[name]


def _at_hand(scorer: Scorer) -> str:
    if scorer.missing:
        raise LeftOutError(scorer.missing[0].reason)
    return "what it needs is there"


def _where_there(scorer: Scorer, found: Callable[[], str]) -> str:
    if scorer.missing:
        raise LeftOutError("not at hand")
    return found()


def _noisy(hr: np.ndarray, strength: float) -> np.ndarray:
    noise = np.random.default_rng(0).normal(0, strength, hr.shape)
    noisy: np.ndarray = (hr + noise).round().clip(0, 255).astype(np.uint8)
    return noisy


def _equal(name: str, score: Score, hr: np.ndarray) -> str:
    if not _sees_hr(score, hr):
        raise LeftOutError("it does not look at HR")
    own, other = score(hr, hr), score(_noisy(hr, STRONGER[0]), hr)
    if not (own > other if METRICS[name].higher_is_better else own < other):
        raise RedError(f"{own:.4g} for equal images, {other:.4g} with noise", "")
    return f"{own:.4g}"


def _sees_hr(score: Score, hr: np.ndarray) -> bool:
    sr = _noisy(hr, STRONGER[0])
    return score(sr, hr) != score(sr, np.ascontiguousarray(hr[::-1]))


def _direction(name: str, score: Score, hr: np.ndarray) -> str:
    strengths = STRONGER if _sees_hr(score, hr) else STRONGER[1:]  # a little noise may look like detail
    found = [score(_noisy(hr, strength), hr) for strength in strengths]
    better_first = sorted(found, reverse=METRICS[name].higher_is_better)
    told = ", ".join(f"{one:.4g}" for one in found)
    if found != better_first or len({*found}) < len(found):
        raise RedError(f"{told} for ever more noise: none of the direction that the table tells", "")
    return f"{told} for ever more noise"


def _repeatable(name: str, score: Score, hr: np.ndarray) -> str:
    first, second = (score(_noisy(hr, STRONGER[1]), hr) for _ in range(2))
    if first != second:
        raise RedError(f"{first!r}, then {second!r}", "")
    return "the same twice, to the bit"


def _together(name: str, score: Score, hr: np.ndarray, scorer: Scorer) -> str:
    images = [_noisy(hr, strength) for strength in STRONGER]
    alone = [score(image, hr) for image in images]
    together = [one.numbers[name] for one in scorer.of_images([(image, hr, SCALE) for image in images])]
    worst = max(abs(one - other) for one, other in zip(alone, together, strict=True))
    if worst > METRICS[name].tolerance:
        raise RedError(f"several images together differ by {worst:.2g} from each alone", "")
    return f"several images together as each alone, within {worst:.1g}"


def _odd(name: str, score: Score, hr: np.ndarray) -> str:
    cut = hr[:-5, :-34]
    return f"{score(_noisy(cut, STRONGER[1]), np.ascontiguousarray(cut)):.4g} for {cut.shape[1]}×{cut.shape[0]}"


def _images_stay(name: str, score: Score, hr: np.ndarray) -> str:
    sr = _noisy(hr, STRONGER[1])
    before = sr.copy(), hr.copy()
    score(sr, hr)
    if not (np.array_equal(sr, before[0]) and np.array_equal(hr, before[1])):
        raise RedError("the images are others than before", "")
    return "SR and HR are left as they were"


def _plain(name: str, score: Score, hr: np.ndarray) -> str:
    found = score(_noisy(hr, STRONGER[1]), hr)
    if type(found) is not float or not np.isfinite(found):
        raise RedError(f"{found!r}", "")
    return f"{found:.4g}"
