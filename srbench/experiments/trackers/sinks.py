"""Where a logger sends a run's numbers: Weights & Biases, TensorBoard. Their packages are imported when one is made."""

import logging
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import pandas as pd

log = logging.getLogger(__name__)

INIT_SECONDS = 15.0
FINISH_SECONDS = 10.0  # the local launcher gives an interrupted run 30
# Without these W&B writes to the terminal, and sends reports of its own errors in offline mode, too.
WANDB_ENVIRONMENT = {"WANDB_SILENT": "true", "WANDB_ERROR_REPORTING": "false"}

Rows = list[tuple[int, dict[str, float]]]


@dataclass(frozen=True)
class Subject:
    """What is logged: a run, or a study's report (`kind`). `goes_on`: rows were logged under this `id` before."""

    id: str
    name: str
    study: str
    folder: Path
    kind: str
    goes_on: bool
    tags: list[str]
    config: dict[str, Any]


class Sink(Protocol):
    """Where a run's numbers go; made from a Subject. It may raise anything: its Logger is switched off then."""

    def rows(self, rows: Rows) -> None:
        """Takes (step, values by name), each once, a curve's in the order of its steps."""

    def results(self, values: dict[str, float], steps: int) -> None:
        """Takes the final numbers of a run of so many steps."""

    def close(self, status: int) -> None:
        """Ends it; `status` as of a process: 0, 1 failed, 130 interrupted."""


class WandB:
    """A run of Weights & Biases, in `folder`/wandb; what it needs to be sent later is there, too."""

    def __init__(self, subject: Subject) -> None:
        for name, value in WANDB_ENVIRONMENT.items():
            os.environ.setdefault(name, value)
        import wandb

        given = wandb.setup().settings
        settings = wandb.Settings(
            silent=True,
            console="off",  # run.log has what is printed
            disable_git=True,  # neither code nor differences leave the machine
            disable_code=True,
            x_disable_stats=True,  # it would disturb what is measured
            init_timeout=INIT_SECONDS,
            finish_timeout=FINISH_SECONDS,
            finish_timeout_raises=True,
        )
        self.folder = subject.folder
        self.run = wandb.init(
            project=given.project or "srbench",
            dir=subject.folder,
            id=subject.id,
            name=subject.name,
            group=subject.study,
            job_type=subject.kind,
            tags=subject.tags,
            config=subject.config,
            mode=given.mode if given.mode != "online" else _mode(subject.folder),  # type: ignore[arg-type]
            resume="allow",
            reinit="create_new",  # else, in one process, a run that was switched off would be given again
            settings=settings,
        )
        # W&B counts calls; the rows of a run that goes on, and validations, come at steps of their own.
        self.run.define_metric("*", step_metric="step")

    def rows(self, rows: Rows) -> None:
        """One call a row: W&B has none for several."""
        for step, values in rows:
            self.run.log({"step": step} | values)

    def results(self, values: dict[str, float], steps: int) -> None:
        """They become the run's summary, which W&B's tables show."""
        self.run.summary.update(values)

    def report(self, folder: Path) -> None:
        """Logs the table.csv and the curves.png of a report."""
        import wandb

        # Else the table's copy for uploading would lie below the home folder.
        os.environ.setdefault("WANDB_DATA_DIR", str(self.folder / "wandb"))
        table = pd.read_csv(folder / "table.csv", dtype={"variant": str})
        shown: dict[str, Any] = {"table": wandb.Table(dataframe=table.astype(object).where(table.notna(), None))}
        if (folder / "curves.png").is_file():
            shown["curves"] = wandb.Image(str(folder / "curves.png"))
        self.run.log(shown)

    def close(self, status: int) -> None:
        """Raises TimeoutError where sending takes longer than FINISH_SECONDS; the files are there all the same."""
        self.run.finish(exit_code=status)


def _mode(folder: Path) -> str:
    """`online` with a key that the server accepts; asks nobody for one, and waits 10 seconds for a server at most."""
    import wandb

    try:
        if wandb.login(prompt=False, verify=True):
            return "online"
        reason = "no key"
    except wandb.Error as error:
        reason = in_one_line(error)
    log.info("W&B records offline (%s); to send it: wandb sync %s", reason, folder / "wandb" / "offline-run-*")
    return "offline"


class TensorBoard:
    """Event files in `folder`/tensorboard."""

    def __init__(self, subject: Subject) -> None:
        from torch.utils.tensorboard import SummaryWriter

        # purge_step=0: what an earlier run left in this folder is not shown.
        self.writer = SummaryWriter(subject.folder / "tensorboard", purge_step=None if subject.goes_on else 0)

    def rows(self, rows: Rows) -> None:
        """They are on disk afterwards."""
        for step, values in rows:
            for name, value in values.items():
                self.writer.add_scalar(name, value, step)
        self.writer.flush()

    def results(self, values: dict[str, float], steps: int) -> None:
        """Each becomes a curve of one point, at the last step."""
        self.rows([(steps, values)])

    def close(self, status: int) -> None:
        """TensorBoard knows no status."""
        self.writer.close()


def in_one_line(error: Exception) -> str:
    """The error's text without its line breaks."""
    return " ".join(str(error).split())
