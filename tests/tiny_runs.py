"""Runs of seconds, carried out in this process."""

from srbench.experiments.recording import Slot
from srbench.experiments.run import run
from srbench.experiments.spec import RunSpec
from srbench.experiments.store.record import Record

HERE = Slot("cpu", 1)
TINY = ["model=carn", "model.width=8", "model.blocks=1", "model.atrous=[1]", "model.units=1"]
SHORT = ["budget.steps=2", "budget.batch_size=2", "budget.hr_patch=16", "budget.val_every=0"]


def quiet(*_: object) -> None:
    """Hears nothing."""


def carried_out(one: RunSpec) -> Record:
    return run(one, HERE, quiet)
