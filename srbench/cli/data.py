"""The verbs `data list`, `data get` and `data check`."""

from srbench.cli.verbs import DataCheckVerb, DataGetVerb, DataListVerb
from srbench.core.errors import UserError
from srbench.core.suggest import did_you_mean


def list_data(asked: DataListVerb) -> bool:
    """Prints the catalogue: what is at hand of it, or as datasets.md."""
    from srbench.cli.listing import markdown, table

    print(markdown() if asked.markdown else f"{table(asked.data_root, asked.weights_dir)}\n", end="")
    return True


def get_data(asked: DataGetVerb) -> bool:
    """Gets the data set or the weights of that name, without regard to case. UserError where there is none."""
    from srbench.data.catalog.catalog import catalogue
    from srbench.data.catalog.fetch import get
    from srbench.metrics.metric_files import METRIC_FILES, get_metric_file
    from srbench.models.backbones import backbones, get_backbone

    sets, networks, key = catalogue(), backbones(), asked.wanted.lower()
    if key in sets:
        get(sets[key], asked.data_root)
    elif key in networks:
        get_backbone(networks[key], asked.weights_dir, asked.patience)
    elif key in METRIC_FILES:
        get_metric_file(key, asked.weights_dir, asked.patience)
    else:
        raise UserError(f"data: {asked.wanted}: no such data set{did_you_mean(key, [*sets, *networks, *METRIC_FILES])}")
    return True


def check_data(asked: DataCheckVerb) -> bool:
    """Prints what there is of the sets and what is wrong with them. All is well where nothing is."""
    from srbench.data.check.check import check_sets

    return check_sets(asked.sets, asked.data_root)
