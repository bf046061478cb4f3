"""Hydra takes launchers from modules of `hydra_plugins` only, and imports all of them at every start: keep it light."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from hydra_plugins.srbench_launcher import OwnLauncher
from omegaconf import OmegaConf

if TYPE_CHECKING:
    from srbench.experiments.spec import RunSpec


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
