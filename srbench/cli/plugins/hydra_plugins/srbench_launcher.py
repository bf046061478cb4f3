"""Hydra takes launchers from modules of `hydra_plugins` only, and imports all of them at every start: keep it light."""

from abc import abstractmethod
from collections.abc import Sequence
from typing import TYPE_CHECKING

from hydra.core.utils import JobReturn
from hydra.plugins.launcher import Launcher
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig

if TYPE_CHECKING:
    from srbench.experiments.spec import RunSpec


class OwnLauncher(Launcher):
    """What srbench's launchers have in common. `known`: runs that are composed already, by their words."""

    def setup(self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig) -> None:
        """Hydra's hook."""
        self.hydra_context, self.config = hydra_context, config
        self.known: dict[tuple[str, ...], RunSpec] = {}

    def launch(self, job_overrides: Sequence[Sequence[str]], initial_job_idx: int) -> Sequence[JobReturn]:
        """Hydra's hook."""
        from srbench.experiments.compose import Composer
        from srbench.experiments.launchers.local import job_returns

        assert self.config is not None
        compose = Composer(self.hydra_context.config_loader, self.config)
        runs = [self.known.get(tuple(words)) or compose(words) for words in job_overrides]
        return job_returns(runs, self.carry_out(runs))

    @abstractmethod
    def carry_out(self, runs: "Sequence[RunSpec]") -> list[str | None]:
        """Does every run; why each did not end well."""


class LocalLauncher(OwnLauncher):
    """`hydra/launcher=local`: see srbench.experiments.launchers.pool."""

    def warm_up(self) -> None:
        """Lets the imports of the runs begin while the grid is still being checked."""
        from srbench.experiments.launchers.pool import warm_up

        warm_up()

    def carry_out(self, runs: "Sequence[RunSpec]") -> list[str | None]:
        """One process a run."""
        from srbench.experiments.launchers.pool import run_all

        return run_all(runs)
