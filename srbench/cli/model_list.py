"""The verb `models`: the networks that there are, with what is known of them."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from srbench.cli.verbs import ModelsVerb
from srbench.core.errors import UserError
from srbench.core.harmless import visible
from srbench.core.suggest import did_you_mean
from srbench.experiments.networks import list_models
from srbench.experiments.presets import preset_names

if TYPE_CHECKING:
    from pandas import DataFrame

NOTHING = "–"
HEAD = ("name", "params by scale", "weights for", "trained on", "licence of the weights", "paper")


def show_models(asked: ModelsVerb) -> bool:
    """Prints a line for each network whose name fits. UserError where none does."""
    found = list_models(asked.pattern)
    if found.empty:
        raise UserError(f"models: {asked.pattern}: no such network{did_you_mean(asked.pattern, preset_names())}")
    rows = [HEAD, *model_rows(found)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for line in rows:
        print(visible("  ".join(text.ljust(width) for text, width in zip(line, widths, strict=True)).rstrip()))
    return True


def model_rows(found: "DataFrame") -> Iterator[tuple[str, ...]]:
    """What HEAD names, of each row of `list_models`."""
    for row in found.to_dict("records"):
        counts = ", ".join(f"×{scale} {count:,}" for scale, count in row["params"].items())
        weights = ", ".join(f"×{scale}" for scale in row["weights"]) or NOTHING
        data = ", ".join(row["training_data"] or ()) or NOTHING
        yield row["name"], counts, weights, data, row["licence"] or NOTHING, row["paper"] or NOTHING
