"""Networks for who has Python and no command line: by name, with published weights, or from a file."""

import json
import os
import warnings
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from torch import nn

from srbench.core.errors import UserError
from srbench.core.garbage import later_collections
from srbench.core.paths import told_weights_dir
from srbench.core.progress import bar
from srbench.experiments.component import Component, component
from srbench.experiments.presets import Preset, preset, preset_model, preset_names
from srbench.experiments.reopen import open_run
from srbench.experiments.trust import check_trust
from srbench.metrics.usual_torch import usual_torch
from srbench.models.hub import bring, checkpoint_catalogue
from srbench.models.layers.scale_free import PartsOnMeta
from srbench.models.papers import papers
from srbench.models.traits import use_scale, whole_scale
from srbench.models.weights import load_weights

if TYPE_CHECKING:
    from pandas import DataFrame

CONFIG, RECORD = "config.yaml", "result.json"


def load(
    name: str | Path,
    scale: int | None = None,
    *,
    weights: str | Path | None = "published",
    weights_dir: str | Path | None = None,
) -> nn.Module:
    """A network in eval mode on the CPU, from LR (N, 3, H, W) in [0, 1] to SR (N, 3, sH, sW), not clipped.

    `name`: of a network (`list_models`); of published weights; or a file that tells its network: a run's
    `weights.safetensors`, or what `export` wrote as .safetensors. `scale`: may be left out where there is but one.
    `weights`: the published ones, which are looked for in `weights_dir` (folders separated as in PATH; by default those
    of a run) and else downloaded from their authors; or a file; or None for those that the constructor draws, with a
    warning where nobody has published any.

    Raises UserError for a name, a scale or a file that does not exist or does not fit. What a file names is built only
    where it is a class of srbench's.

    Examples:
        >>> import srbench, torch
        >>> model = srbench.load("safmn", scale=2, weights=None)
        >>> model(torch.rand(1, 3, 20, 30)).shape
        torch.Size([1, 3, 40, 60])
    """
    folders = told_weights_dir(weights_dir)
    _check_kinds(name, weights)
    path, asked = Path(name).expanduser(), None if scale is None else whole_scale(scale)
    if path.is_file():
        with usual_torch():
            return _of_file(path, asked).eval()
    named, published = _named(str(name), asked), str(weights) == "published"
    if weights is None or (published and not named.checkpoint):
        return _drawn(named, published)
    with usual_torch():  # what the constructor draws is not kept
        model = named.built()
        if published:
            _bring(model, named, folders)
        else:
            _load_file(model, Path(weights).expanduser(), "weights")
    return model.eval()


def list_models(pattern: str = "*") -> "DataFrame":
    """What `load` knows by name, a row each: those whose names fit the pattern, as in `carn*`.

    Columns: `name`, `class`, `scales`, `params` (of all parameters, by scale), `paper`, `year` (NaN where there is
    none), `weights` (the scales of published ones), `licence` and `training_data` (of these; None where nobody tells).
    What ./conf/model adds is built only where it is a class of networks, and has no scales where it is none.

    Examples:
        >>> import srbench
        >>> table = srbench.list_models("safmn*").set_index("name")
        >>> table.params["safmn"]
        {2: 227820, 3: 232695, 4: 239520}
    """
    from fnmatch import fnmatchcase

    from pandas import DataFrame

    parts = PartsOnMeta()
    with later_collections():
        rows = [_row(name, parts) for name in preset_names() if fnmatchcase(name, pattern)]
    columns = ["name", "class", "scales", "params", "paper", "year", "weights", "licence", "training_data"]
    table = DataFrame(rows, columns=columns, dtype=object)  # else None would be NaN
    return table.astype({"year": "Int64"})


def _row(name: str, parts: PartsOnMeta) -> dict[str, Any]:
    found = Preset(name, Component("", {}), {})
    with suppress(UserError):  # of a file of ./conf that is none of srbench's, or not ready yet
        found = preset(name, parts)
    entries = [entry for entry in checkpoint_catalogue() if entry.model == name]
    told = papers().get(found.model.class_name)
    return {
        "name": name,
        "class": found.model.class_name or None,
        "scales": tuple(found.params),
        "params": found.params,
        "paper": told.paper if told else None,
        "year": told.year if told else None,
        "weights": tuple(sorted(scale for entry in entries for scale in entry.scales)),
        "licence": entries[0].licence if entries else None,
        "training_data": entries[0].training_data if entries else None,
    }


@dataclass(frozen=True)
class _Named:
    """A network by `name`, its own or that of published weights. `checkpoint`: those of its scale, None where there are
    none; `scales`: of all weights that the name stands for."""

    name: str
    network: str
    scale: int
    checkpoint: str | None
    scales: tuple[int, ...]
    of_weights: bool

    def built(self) -> nn.Module:
        """As its constructor leaves it, at the scale."""
        model = preset_model(self.network, self.scale)
        use_scale(model, self.scale)
        return model


def _check_kinds(name: object, weights: object) -> None:
    """UserError for what is no name or path."""
    if not isinstance(name, str | os.PathLike):
        raise UserError(f"load: a network's name or a file is needed, not a {type(name).__name__}")
    if not (weights is None or isinstance(weights, str | os.PathLike)):
        raise UserError(f'weights={weights}: "published", a file, or None for those that the constructor draws')


def _named(name: str, scale: int | None) -> _Named:
    """What a name stands for. UserError for what looks like a file that is not there, and without the scale where there
    are several."""
    entries = [entry for entry in checkpoint_catalogue() if name in (entry.name, entry.model)]
    network = name if name in preset_names() else entries[0].model if entries else name
    path = Path(name).expanduser()
    if network not in preset_names() and (path.suffix or path.parent != Path()):
        raise UserError(f"{path}: no such file")
    scales = tuple(one for entry in entries for one in entry.scales)
    chosen = scale or _only_scale(name, network, scales)
    checkpoint = next((entry.name for entry in entries if chosen in entry.scales), None)
    return _Named(name, network, chosen, checkpoint, scales, any(entry.name == name for entry in entries))


def _bring(model: nn.Module, named: _Named, folders: str) -> None:
    """Gives the model its published weights."""
    with bar(f"loads {named.name}") as tell:
        bring(model, named.checkpoint or "", folders, named.scale, tell)


def _drawn(named: _Named, published: bool) -> nn.Module:
    """The network as its constructor draws it. Where `published` weights are asked for: UserError for a name of some,
    which are of another scale, and else a warning of `load`, but for a network that has none."""
    model = named.built().eval()
    if published and named.of_weights:
        there = ", ".join(map(str, named.scales))
        raise UserError(
            f"{named.name}: weights are published for scale={there}, not for {named.scale}; weights=None goes without"
        )
    if published and any(True for _ in model.parameters()):
        told = f"no weights are published for scale={named.scale}; these are what its constructor draws (weights=None)"
        warnings.warn(f"{named.name}: {told}", stacklevel=3)
    return model


def _only_scale(name: str, network: str, published: Sequence[int]) -> int:
    """The scale where there is no other; where weights are published, of theirs. UserError where there are several."""
    scales = sorted({*published}) or list(preset(network, PartsOnMeta()).params)
    if len(scales) != 1:
        raise UserError(f"{name}: give scale=N, one of {', '.join(map(str, scales)) or 'none'}")
    return scales[0]


def _of_file(path: Path, scale: int | None) -> nn.Module:
    """The network that a file of weights tells, with them."""
    if (path.parent / CONFIG).is_file() and (path.parent / RECORD).is_file():
        run, _ = open_run(path.parent)
        model, own = run.model.build(f"{path.parent / CONFIG}: model"), run.scale
    else:
        model, own = _exported(path)
    if scale and scale != own:
        use_scale(model, scale)
        if getattr(model, "scale", own) != scale:
            raise UserError(f"{path}: is of scale={own}, not {scale}")
    _load_file(model, path, "file")
    built: nn.Module = model
    return built


def _exported(path: Path) -> tuple[Any, int]:
    """The network and scale that the metadata of an exported file names."""
    from safetensors import SafetensorError, safe_open

    told = f'{path}: does not tell its network; give it beside: load("carn_m", scale=4, weights="{path.name}")'
    try:
        with safe_open(path, framework="numpy") as file:
            config = json.loads((file.metadata() or {})["model"])
    except (SafetensorError, OSError, KeyError, ValueError) as error:
        raise UserError(told) from error
    if not isinstance(config, dict):
        raise UserError(told)
    check_trust({"model": config}, ())
    model = component(config, "model").build(f"{path}: model")
    return model, int(getattr(model, "scale", 1))


def _load_file(model: nn.Module, path: Path, key: str) -> None:
    if not path.is_file():
        raise UserError(f"{key}={path}: no such file")
    load_weights(model, path)
