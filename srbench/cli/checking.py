"""The verb `check`: is this network, or this metric, fit for srbench?"""

import os

from srbench.audits.fitness import check
from srbench.audits.metric_fitness import check_metric
from srbench.cli.verbs import CheckVerb
from srbench.core import hardware
from srbench.core.harmless import visible
from srbench.core.progress import bar, silent
from srbench.experiments.compose import build_model, compose_run
from srbench.models.hub import bring


def check_one(asked: CheckVerb) -> bool:
    """Prints a line for each tick. Whether none is red that must not be."""
    if asked.metric is not None:
        found = check_metric(asked.metric, asked.weights_dir)
    else:
        import torch

        run = compose_run([*asked.config, f"weights_dir={os.pathsep.join(map(str, asked.weights_dir))}"])
        torch.set_num_threads(hardware.threads(run.threads))
        torch.manual_seed(run.seed)
        model = build_model(run)
        if run.checkpoint:
            bring(model, run.checkpoint, run.places.weights_dir, run.scale, silent)
        with bar(f"checks {run.name}") as tell:
            found = check(model, run.scale, device=run.device, name=run.name, tell=tell)
    for line in str(found).splitlines():
        print(visible(line))
    return found.fit
