"""Networks as their presets in conf/model describe them."""

from srbench.experiments.component import Component
from srbench.experiments.compose import compose_run


def preset(name: str, scale: int, *words: str) -> Component:
    """preset("carn", 2, "model.width=8"): the network, not yet made."""
    return compose_run([f"model={name}", f"scale={scale}", *words]).model
