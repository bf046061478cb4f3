"""Benchmark and ablation framework for lightweight image super-resolution: what is public in Python.

Each name is imported when it is first asked for, so that `import srbench` takes no time.
"""

# Nothing is imported here, not even of Python's own library: a module of its name may lie in the current folder, which
# the front door takes from the path where it is not to be looked into.
TYPE_CHECKING = False

if TYPE_CHECKING:
    from srbench.audits.fitness import check
    from srbench.core.errors import UserError
    from srbench.data.resize import imresize
    from srbench.evaluation.benchmark import benchmark
    from srbench.evaluation.cost_of_network import cost
    from srbench.evaluation.scores_of_images import score
    from srbench.evaluation.upscaled import upscale
    from srbench.experiments.networks import list_models, load
    from srbench.reports.study_frame import read_study

    __version__: str

__all__ = [
    "UserError",
    "__version__",
    "benchmark",
    "check",
    "cost",
    "imresize",
    "list_models",
    "load",
    "read_study",
    "score",
    "upscale",
]

_PLACES = {
    "UserError": "core.errors",
    "benchmark": "evaluation.benchmark",
    "check": "audits.fitness",
    "cost": "evaluation.cost_of_network",
    "imresize": "data.resize",
    "list_models": "experiments.networks",
    "load": "experiments.networks",
    "read_study": "reports.study_frame",
    "score": "evaluation.scores_of_images",
    "upscale": "evaluation.upscaled",
}


def __getattr__(name: str) -> object:
    found: object
    if name == "__version__":
        from importlib.metadata import version

        found = version("srbench")
    elif name in _PLACES:
        from importlib import import_module

        found = getattr(import_module(f"srbench.{_PLACES[name]}"), name)
    else:
        raise AttributeError(f"module srbench has no attribute {name}")
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
