"""A model from the words of a command line, for the verbs: composed as the Hydra app would, with its weights."""

import sys

from hydra import compose, initialize_config_dir
from hydra.core.plugins import Plugins
from torch import nn

from srbench.core.errors import UserError
from srbench.core.paths import PLUGINS, conf_folder
from srbench.core.progress import Listener
from srbench.experiments.search_path import UserConf
from srbench.experiments.spec import PlannedRun, build, planned
from srbench.models import hub


def compose_run(words: list[str]) -> PlannedRun:
    """The run that `words` (`model=carn`, `scale=4`, …) describe. Raises Hydra's errors for what does not compose."""
    if str(PLUGINS) not in sys.path:
        sys.path.insert(0, str(PLUGINS))
    Plugins.instance().register(UserConf)
    with initialize_config_dir(str(conf_folder()), job_name="srbench", version_base="1.3"):
        config = compose("config", words, return_hydra_config=True)
    return planned(config, config.hydra)


def ready_model(run: PlannedRun, tell: Listener) -> nn.Module:
    """The run's model in eval mode on the CPU, with the weights of `checkpoint`. UserError for one that lacks them."""
    config = run.config
    model: nn.Module = build(config.model, f"model={run.name}")
    if config.checkpoint:
        hub.bring(model, config.checkpoint, config.weights_dir, config.scale, tell)
    elif any(True for _ in model.parameters()):
        raise UserError(f"model={run.name}: has no trained weights without checkpoint=FILE")
    return model.eval()
