"""Hydra takes sweepers from modules of `hydra_plugins` only, and imports all of them at every start: keep it light."""

from hydra.core.plugins import Plugins
from hydra.plugins.sweeper import Sweeper
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig


class AblationSweeper(Sweeper):
    """`hydra/sweeper=ablation`: see srbench.cli.running.run_grid."""

    def setup(self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig) -> None:
        """Hydra's hook."""
        self.hydra_context, self.config = hydra_context, config
        self.launcher = Plugins.instance().instantiate_launcher(
            hydra_context=hydra_context, task_function=task_function, config=config
        )

    def sweep(self, arguments: list[str]) -> None:
        """Hydra's hook: the whole study. Leave, from a FailedRunError, if one of its runs is not done."""
        assert self.hydra_context is not None
        assert self.config is not None
        assert self.launcher is not None
        getattr(self.launcher, "warm_up", lambda: None)()
        from srbench.cli.app import Leave
        from srbench.core.errors import FailedRunError
        from srbench.core.garbage import later_collections

        with later_collections():
            from srbench.cli.running import run_grid
        try:
            run_grid(self.hydra_context.config_loader, self.config, self.launcher, arguments)
        except FailedRunError as error:
            raise Leave from error
