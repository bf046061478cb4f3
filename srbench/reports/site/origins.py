"""Where the weights of a run come from, and whether they have seen the images that they are scored on."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from srbench.data.catalog.catalog import catalogue
from srbench.experiments.store.overrides import given
from srbench.experiments.store.record import Record
from srbench.models.hub import Published, checkpoint_catalogue
from srbench.reports.trained_on import shortened, started_from, trained_on

Status = Literal["authors' weights", "trained here", "working", "no weights", "weights of a file", "not trained"]
OF_STATUS: dict[Status, str] = {
    "authors' weights": "as published; their digest is that of srbench's catalogue",
    "trained here": "by srbench, as long as the recipe says or longer",
    "working": "by srbench, shorter than the recipe says: not a measurement of the trained network",
    "no weights": "nothing to train",
    "weights of a file": "which the catalogue does not know, and no run here has trained",
    "not trained": "the weights of the constructor",
}
TRAINED: tuple[Status, ...] = ("trained here", "working")


@dataclass(frozen=True)
class Origin:
    """`data`: what the weights were trained on, in words; `pixels`: the digests of the training images, as far as
    known; `names`: of the data sets of which they are, where that is told; `unknown`: that they began with weights of
    which nothing is known."""

    status: Status
    data: str
    pixels: frozenset[str] = frozenset()
    names: frozenset[str] = frozenset()
    unknown: bool = False

    def seen(self, dataset: str, hr_sha256: str | None) -> str:
        """Why scores on a data set are no test; "" where nothing tells that the weights have seen its images."""
        if hr_sha256 in self.pixels:
            return f"trained on the images of {dataset} (equal pixels)"
        if self.names & _names_of(dataset):
            return f"trained on {dataset}, by the name of its training data"
        return "began with weights of which nothing is known" if self.unknown else ""


def _names_of(dataset: str) -> frozenset[str]:
    """By which a catalogue calls the images that are scored; `div2k` there are its training images, not these."""
    name = dataset.casefold()
    return frozenset({f"{name}_valid", *([name] if name not in ("div2k", "val") else [])})


class Origins:
    """Of all runs that are read together, as one may have trained the weights that another is scored with."""

    def __init__(self, records: Iterable[Record]) -> None:
        self.published = {one.digest: one for one in checkpoint_catalogue()}
        trained = [one for one in records if one.train.steps and one.weights_sha256]
        self.by_run = {one.run: one for one in trained}
        self.trained = {one.weights_sha256: one for one in reversed(trained)}

    def of(self, record: Record) -> Origin:
        """Of the weights of a run that is done."""
        if record.train.steps:
            return self._of_training(record)
        if record.weights_sha256 is None or (record.cost and record.cost.params == 0 and not record.cost.params_frozen):
            return Origin("no weights", "")
        if published := self.published.get(record.weights_sha256):
            return _of_catalogue(published)
        if one := self.trained.get(record.weights_sha256):
            return self._of_training(one)
        if file := given(record.overrides, "checkpoint"):
            return Origin("weights of a file", f"not known ({file})")
        return Origin("not trained", "")

    def _of_training(self, record: Record) -> Origin:
        told, start = trained_on(record), self._start(record)
        images = f"{told.data}, {told.images} images" if told else "not recorded"
        short = shortened([record])
        length = short.removeprefix("at ") if short else f"{record.train.steps:,} steps"
        began = f"; began with {started_from(record)}" if started_from(record) else ""
        stages = record.train.stages
        return Origin(
            "working" if short else "trained here",
            f"{images}; {length}{began}{f' ({start.data})' if start else ''}",
            frozenset(one.training_data.sha256 for one in stages) | (start.pixels if start else frozenset()),
            frozenset(one.training_data.name.casefold() for one in stages) | (start.names if start else frozenset()),
            unknown=start.unknown if start else bool(began),
        )

    def _start(self, record: Record) -> Origin | None:
        """Of the weights that the training began with: published ones by their name, those of a run by its folder."""
        start = started_from(record)
        entries = [one for one in self.published.values() if one.name == start]
        runs = [self.by_run[part] for part in start.split("/") if part in self.by_run and part != record.run]
        return _of_catalogue(entries[0]) if entries else self._of_training(runs[-1]) if runs else None


def _of_catalogue(published: Published) -> Origin:
    told = published.training_data
    titles = [catalogue()[name].title if name in catalogue() else name for name in told or ()]
    data = ", ".join(titles) or f"not told by {published.source}"
    return Origin("authors' weights", data, names=frozenset(told or ()))
