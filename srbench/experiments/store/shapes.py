"""What the parts of a plan must look like that were YAML files of a user's, so that a report can use them."""

from dataclasses import dataclass, field
from typing import Any

from srbench.experiments.store.codec import decode


@dataclass(frozen=True)
class AppliesShape:
    """Of an ablation, for one class of models: the factors of each variant by key."""

    variants: dict[str, dict[str, Any] | None]


@dataclass(frozen=True)
class AblationShape:
    """A file of conf/ablation."""

    applies_to: dict[str, AppliesShape] = field(default_factory=dict)


@dataclass(frozen=True)
class PublishedShape:
    """What others have published of some weights: `scores` by scale, data set and metric; `reason`: why measured ones
    differ, by data set."""

    network: str
    source: str
    scores: dict[str, dict[str, dict[str, float]]]
    reason: dict[str, str] = field(default_factory=dict)


def check_shapes(ablations: dict[str, Any], published: dict[str, Any]) -> None:
    """Raises FormatError for the first of both that no report could use. In plans of an older srbench what is published
    may be anything but a list, too."""
    decode(dict[str, AblationShape], ablations)
    decode(dict[str, tuple[PublishedShape, ...]], {k: v for k, v in published.items() if isinstance(v, list)})
