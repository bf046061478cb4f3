"""Hydra takes launchers from modules of `hydra_plugins` only, and imports all of them at every start: keep it light."""

from collections.abc import Sequence

from hydra.core.utils import JobReturn
from hydra.plugins.launcher import Launcher
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig


class LocalLauncher(Launcher):
    """`hydra/launcher=local`: see srbench.experiments.launchers.local.launch."""

    def setup(self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig) -> None:
        """Hydra's hook."""
        self.hydra_context, self.task_function, self.config = hydra_context, task_function, config

    def warm_up(self) -> None:
        """Lets the imports of the runs begin while the grid is still being checked."""
        from srbench.experiments.launchers.local import warm_up

        warm_up()

    def launch(self, job_overrides: Sequence[Sequence[str]], initial_job_idx: int) -> Sequence[JobReturn]:
        """Hydra's hook: one process a run."""
        from srbench.experiments.launchers.local import launch

        return launch(self.hydra_context, self.task_function, self.config, job_overrides, initial_job_idx)
