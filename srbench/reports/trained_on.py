"""What the weights of a row were trained on: images, recipe, length, and the weights that the training began with."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from srbench.experiments.store.overrides import given
from srbench.experiments.store.record import Record, StageRecord


@dataclass(frozen=True)
class TrainedOn:
    """Of a record; what differs between its stages is told of each. The fields are columns of a CSV, after `train_`.
    `start`: the weights that it began with, "" for those of the constructor."""

    data: str
    images: str
    sha256: str
    recipe: str
    steps: str
    batch: str
    patch: str
    start: str

    @property
    def text(self) -> str:
        """In a sentence for people."""
        began = f", from {self.start}" if self.start else ""
        digest = " then ".join(one[:12] for one in self.sha256.split(" then "))
        recipe, patches = self.recipe or "not recorded", f"{self.batch} patches of {self.patch} pixels of HR a side"
        images = f"{self.data} ({self.images} images, SHA-256 {digest})"
        return f"{images}, recipe {recipe}, {self.steps} steps of {patches}{began}"


def trained_on(record: Record) -> TrainedOn | None:
    """None where nothing was trained, or nothing of it is recorded."""
    stages = record.train.stages
    if not record.train.steps or not stages:
        return None

    def of_each(told: Callable[[StageRecord], object]) -> str:
        texts = [str(told(stage)) for stage in stages]
        return texts[0] if len(set(texts)) == 1 else " then ".join(texts)

    return TrainedOn(
        data=of_each(lambda stage: stage.training_data.name),
        images=of_each(lambda stage: stage.training_data.images),
        sha256=of_each(lambda stage: stage.training_data.sha256),
        recipe=record.train.recipe or "",
        steps=" then ".join(str(stage.steps) for stage in stages),
        batch=of_each(lambda stage: stage.batch_size),
        patch=of_each(lambda stage: stage.hr_patch),
        start=started_from(record),
    )


def started_from(record: Record) -> str:
    """The checkpoint that a training began with; "" for none."""
    return given(record.overrides, "checkpoint") if record.train.steps else ""


def in_turn(told: Iterable[str | None]) -> str:
    """Each of them once, in their order: "bf16-mixed, then 32-true"; "" for none."""
    return ", then ".join(dict.fromkeys(filter(None, told)))


def trained_by(record: Record) -> dict[str, tuple[str, ...]]:
    """The digests of the user's own classes that it was trained by, by their places; several of one that a training
    went on with otherwise."""
    sessions = record.train.sessions
    return {
        place: tuple(one.code[place] for one in sessions if place in one.code) or (digest,)
        for place, digest in record.own_code.items()
    }


def scored_by_others(record: Record) -> tuple[str, ...]:
    """In words, of each class that data sets were scored by in another form than the run's."""
    own, found = trained_by(record), dict[str, list[str]]()
    for dataset, certificate in record.certificates.items():
        for place, digest in certificate.code.items():
            if place in own and own[place][-1] != digest:
                found.setdefault(f"{place} as edited since ({digest}, not {in_turn(own[place])})", []).append(dataset)
    return tuple(f"{', '.join(datasets)} scored by {code}" for code, datasets in found.items())


def trainings(records: Iterable[Record]) -> tuple[TrainedOn, ...]:
    """Those of the records, each once."""
    return tuple(dict.fromkeys(filter(None, map(trained_on, records))))


def full_steps(record: Record) -> int | None:
    """How long the recipe's stages are together by its own word; None where one does not say."""
    stages = [stage.full_steps for stage in record.train.stages]
    return sum(filter(None, stages)) if stages and all(stages) else None


def shortened(records: Iterable[Record]) -> str:
    """ "at 200 of 12,000 steps", of the one that is the furthest from its full length; "" where none is shorter."""
    lengths = [(one.train.steps, full) for one in records if (full := full_steps(one))]
    steps, full = min(lengths, key=lambda length: length[0] / length[1], default=(1, 1))
    return f"at {steps:,} of {full:,} steps" if steps < full else ""
