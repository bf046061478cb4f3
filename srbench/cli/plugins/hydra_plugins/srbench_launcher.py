"""Hydra takes launchers from modules of `hydra_plugins` only, and imports all of them at every start: keep it light."""

from abc import abstractmethod
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from hydra.core.utils import JobReturn
from hydra.plugins.launcher import Launcher
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig, OmegaConf

if TYPE_CHECKING:
    from srbench.experiments.launchers.ray_cluster import Amount
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


class SlurmLauncher(OwnLauncher):
    """`hydra/launcher=submitit_slurm`: see srbench.experiments.launchers.slurm_runs. Its settings are those of the
    plugin hydra-submitit-launcher, whose own launcher waits for no run beside one that failed, and tries none again."""

    def __init__(self, **settings: Any) -> None:
        self.settings = {
            name: OmegaConf.to_container(value, resolve=True) if OmegaConf.is_config(value) else value
            for name, value in settings.items()
        }

    def carry_out(self, runs: "Sequence[RunSpec]") -> list[str | None]:
        """One job a run, of an array; `jobs=N` bounds how many run at a time, as array_parallelism does."""
        from srbench.experiments.launchers.slurm_runs import run_all_on_slurm

        at_once = {} if runs[0].jobs == "auto" else {"array_parallelism": runs[0].jobs}
        return run_all_on_slurm(runs, self.settings | at_once)


class LocalLauncher(OwnLauncher):
    """`hydra/launcher=local`: see srbench.experiments.launchers.pool."""

    def warm_up(self) -> None:
        """Lets the imports of the runs begin while the grid is still being composed and checked."""
        from srbench.experiments.launchers.server import warm_up

        warm_up()

    def carry_out(self, runs: "Sequence[RunSpec]") -> list[str | None]:
        """One process a run."""
        from srbench.experiments.launchers.pool import run_all

        return run_all(runs)


class RayLauncher(OwnLauncher):
    """`hydra/launcher=ray_cluster`: see srbench.experiments.launchers.ray_runs."""

    def __init__(self, num_cpus: "Amount", num_gpus: "Amount") -> None:
        self.num_cpus, self.num_gpus = num_cpus, num_gpus

    def carry_out(self, runs: "Sequence[RunSpec]") -> list[str | None]:
        """One task a run."""
        from srbench.experiments.launchers.ray_runs import run_all_on_ray

        return run_all_on_ray(runs, self.num_cpus, self.num_gpus)
