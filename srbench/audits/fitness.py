"""Whether a network is fit for srbench: what it must do to be trained, scored and compared, looked at in a minute."""

import tempfile
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from srbench.audits.ticks import Fitness, Inspection, LeftOutError, RedError, Tick
from srbench.audits.training_fitness import looks_at_training
from srbench.core.errors import UserError
from srbench.core.hardware import pick_device
from srbench.core.progress import Listener, bar
from srbench.data.images import read_image
from srbench.data.photos import Photos, photographs_of
from srbench.evaluation.export import FORMS, export
from srbench.evaluation.inference import GRID, cure_of_size, on_multiples, overlap_for, tiled
from srbench.evaluation.own_network import check_network, check_values
from srbench.evaluation.own_scale import own_scale
from srbench.evaluation.settings import Inference
from srbench.evaluation.translated import FIXED, SCRIPTED, is_exported, is_scripted, network_name, what_it_said
from srbench.experiments.trial import LOUDEST
from srbench.metrics.cost import complexity, dead_parameters, latency_summary, parameters
from srbench.metrics.exact_float32 import exact_float32
from srbench.metrics.network_copy import copy_to
from srbench.metrics.usual_torch import usual_torch
from srbench.models.layers.thumbnail import second_inputs
from srbench.models.traits import Traits, format_for, traits_of, use_scale, whole_scale

SIDE = 48  # pixels of LR
CLOSE = 1e-4  # of values in [0, 1], by which float32 may differ from float64, and one way to run it from another
LEVEL = 1 / 255
TRACED = "torch.export must trace it: no choices by values, no numpy"
ALL_WEIGHTS = "its weights must be all that makes its picture"


@dataclass(frozen=True)
class CheckedNetwork:
    """The network that is looked at, a copy in eval mode on `device`; `unused`: another copy, that has seen no image
    yet; a photograph as LR, (1, C, H, W)."""

    model: nn.Module
    unused: nn.Module
    name: str
    scale: int
    device: str
    photo: Tensor

    @property
    def traits(self) -> Traits:
        """The network's."""
        return traits_of(self.model)

    def lr(self, height: int, width: int, top: int = 0) -> Tensor:
        """A crop of the photograph."""
        return self.photo[..., top : top + height, :width].to(self.device)

    def sr(self, lr: Tensor, model: nn.Module | None = None) -> Tensor:
        """What the network, or another one of its kind, makes of it."""
        others = second_inputs(lr, self.traits.thumbnail)
        with torch.no_grad(), exact_float32():
            return on_multiples(self.model if model is None else model, lr, *others)


@usual_torch()
def check(
    model: nn.Module,
    scale: int | None = None,
    *,
    device: str | torch.device = "auto",
    name: str = "",
    tell: Listener | None = None,
) -> Fitness:
    """About twenty looks at a network from LR (N, 3, H, W) in [0, 1] to SR, on bundled photographs, offline: shapes and
    sizes, batches, determinism, precision, weights, tiles, costs, exports, ten steps of training, a resumed training.

    The model stays as it is. `scale`: where it has several, or does not tell one. `print` shows a line each; `fit` says
    whether all that must be is well. Of what is red, its `cure` says what to do. `tell` hears how far it is.

    ValueError for a model that tells no scale, UserError for what is no model.

    Examples:
        >>> import srbench
        >>> found = srbench.check(srbench.load("fsrcnn", scale=2, weights=None))
        >>> found.fit
        True
    """
    check_network(model)
    check_values(model)
    title, times = name or network_name(model), own_scale(model) if scale is None else whole_scale(scale)
    chosen = pick_device(str(device))
    with torch.inference_mode(False), torch.enable_grad():  # in which it is trained
        copied = copy_to(model, chosen).float().eval()
        use_scale(copied, times)
        subject = CheckedNetwork(copied, copy_to(copied, chosen), title, times, chosen, _photo(copied))
        return _looked_at(subject, tell)


def _looked_at(subject: CheckedNetwork, tell: Listener | None) -> Fitness:
    copied, title, times, chosen = subject.model, subject.name, subject.scale, subject.device
    with tempfile.TemporaryDirectory() as folder:
        looks = [*_looks(subject, Path(folder)), *looks_at_training(copied, times, chosen, Path(folder))]
        if is_exported(copied):
            looks = [replace(look, cure=FIXED) for look in looks]
        if tell is not None:
            return Fitness(f"{title} ×{times}", tuple(_ticks(looks, tell)))
        with bar(f"checks {title}") as own:
            return Fitness(f"{title} ×{times}", tuple(_ticks(looks, own)))


def _ticks(looks: Sequence[Inspection], tell: Listener) -> Iterator[Tick]:
    first: Tick | None = None
    for number, look in enumerate(looks):
        tell(look.name, number, len(looks))
        with warnings.catch_warnings(action="ignore"):  # somebody else's code says here what it likes
            tick = look.tick() if first is None or first.state == "ok" else look.left_out(f"as {first.name} is red")
        first = first or tick
        yield tick
    tell("done", len(looks), len(looks))


def _photo(model: nn.Module) -> Tensor:
    form = format_for(model)
    file = Photos().valid()[0] if form.channels == 3 else photographs_of(form.channels)[0]
    pixels = torch.from_numpy(read_image(file, form))
    return pixels.permute(2, 0, 1)[None].float() / 255


def _looks(subject: CheckedNetwork, folder: Path) -> Iterator[Inspection]:
    def look(name: str, found: Callable[[CheckedNetwork], str], cure: str, must: bool = True) -> Inspection:
        return Inspection(name, must, partial(found, subject), cure)

    yield look("shape and values", _shape, "forward takes LR (N, 3, H, W) in [0, 1] and gives SR (N, 3, s·H, s·W)")
    yield look("scales", _scales, 'what traits = {"scales": …} promises, an assignment to `scale` must give')
    yield look("odd and smallest sizes", _sizes, 'say what it takes in traits, {"multiple": 8, "smallest_input": 16}')
    yield look("batches", _batches, "no layer may look at other images of the batch in eval mode")
    yield look("no state", _no_state, "forward in eval mode must leave weights, buffers and its input as they are")
    yield look("deterministic", _deterministic, "no randomness in eval mode: dropout and noise look at self.training")
    yield look("precision", _precision, "look for constants in float32, eps that vanish, or huge values", must=False)
    yield look("weights", partial(_weights, folder=folder), "keep all that it learns in parameters or buffers")
    yield look(
        "tiles", _tiles, 'traits = {"whole_image_statistics": True} says that tiles change the result', must=False
    )
    yield look("parameters", _parameters, "layers that training never reaches cost and give nothing", must=False)
    yield look("FLOPs", _flops, "use torch's operators, and decide nothing by values", must=False)
    yield look("latency", _latency, "it must take 256×256 pixels of LR", must=False)
    for form in FORMS:
        cure = ALL_WEIGHTS if form == ".safetensors" else TRACED
        yield look(f"export {form}", partial(_export, folder=folder, form=form), cure, must=False)


def _shape(subject: CheckedNetwork) -> str:
    height, width = subject.traits.size_for(SIDE, 2 * SIDE)
    lr = subject.lr(height, width)
    sr = subject.sr(lr)
    _check_sr(sr, lr, subject.scale)
    low, high = sr.min().item(), sr.max().item()
    if max(abs(low), abs(high)) > LOUDEST:
        raise RedError(f"values from {low:.3g} to {high:.3g}", "a network for 0 to 255 must divide by 255")
    return f"{width}×{height} → {sr.shape[3]}×{sr.shape[2]}, values from {low:.2f} to {high:.2f}"


def _check_sr(sr: object, lr: Tensor, scale: int) -> None:
    wanted = (len(lr), lr.shape[1], scale * lr.shape[2], scale * lr.shape[3])
    if not isinstance(sr, Tensor):
        raise RedError(f"gives a {type(sr).__name__}, not a tensor", "return SR alone")
    if tuple(sr.shape) != wanted:
        raise RedError(f"gives {tuple(sr.shape)} for LR {tuple(lr.shape)}, not {wanted}", "")
    if not sr.isfinite().all():
        raise RedError(f"gives values that are not finite on LR {tuple(lr.shape)}", "")


def _scales(subject: CheckedNetwork) -> str:
    for scale in subject.traits.scales:
        copied = copy_to(subject.model, subject.device)
        use_scale(copied, scale)
        lr = subject.lr(*subject.traits.size_for(SIDE, SIDE))
        _check_sr(subject.sr(lr, copied), lr, scale)
    return f"×{', ×'.join(map(str, subject.traits.scales or (subject.scale,)))}"


def _sizes(subject: CheckedNetwork) -> str:
    least = subject.traits.smallest_input
    for height, width in ((least, least), (least, least + 13), (least + 30, least + 1), (SIDE + 1, SIDE + 19)):
        lr = subject.lr(max(height, least), max(width, least))
        try:
            sr = subject.sr(lr)
        except Exception as error:
            with torch.no_grad(), exact_float32():
                cure = cure_of_size(subject.model, lr, second_inputs(lr, subject.traits.thumbnail))
            told = f"LR of {lr.shape[3]}×{lr.shape[2]}: {what_it_said(error)}"
            raise RedError(told, cure[:1].upper() + cure[1:]) from error
        _check_sr(sr, lr, subject.scale)
    return f"from {least}×{least} pixels on" + (
        f", padded to multiples of {subject.traits.multiple}" if subject.traits.multiple > 1 else ""
    )


def _batches(subject: CheckedNetwork) -> str:
    height, width = subject.traits.size_for(SIDE, SIDE)
    images = [subject.lr(height, width, top) for top in (0, 2 * SIDE)]
    together, alone = subject.sr(torch.cat(images)), torch.cat([subject.sr(one) for one in images])
    return _close(together, alone, "two images together differ from each alone")


def _no_state(subject: CheckedNetwork) -> str:
    lr = subject.lr(*subject.traits.size_for(SIDE, SIDE)).clone()
    before, image = {name: one.clone() for name, one in subject.model.state_dict().items()}, lr.clone()
    subject.sr(lr)
    changed = [name for name, one in subject.model.state_dict().items() if not torch.equal(one, before[name])]
    if changed:
        raise RedError(f"forward changes {', '.join(changed[:3])}", "")
    if not torch.equal(image, lr):
        raise RedError("forward changes its input", "")
    return "forward leaves all as it was"


def _deterministic(subject: CheckedNetwork) -> str:
    lr = subject.lr(*subject.traits.size_for(SIDE, SIDE))
    first, second = subject.sr(lr), subject.sr(lr)
    if not torch.equal(first, second):
        raise RedError(f"two passes differ by {(first - second).abs().max().item():.2g}", "")
    if not torch.equal(subject.sr(lr, subject.unused), second):
        raise RedError("it gives another picture than before it had seen other images", "keep nothing from them")
    return "two passes are equal to the bit"


def _precision(subject: CheckedNetwork) -> str:
    lr = subject.lr(*subject.traits.size_for(SIDE, SIDE))
    exact = subject.sr(lr.double(), copy_to(subject.model, subject.device).double())
    return _close(subject.sr(lr).double(), exact, "float32 differs from float64")


def _weights(subject: CheckedNetwork, folder: Path) -> str:
    lr = subject.lr(*subject.traits.size_for(SIDE, SIDE))
    expected, file = subject.sr(lr), folder / "weights.safetensors"
    save_file({name: one.contiguous().clone() for name, one in subject.model.state_dict().items()}, file)
    again = copy_to(subject.model, subject.device)
    with torch.no_grad():
        for one in again.state_dict().values():
            one.zero_()
    again.load_state_dict(load_file(file, device=subject.device))
    if not torch.equal(subject.sr(lr, again), expected):
        raise RedError("another picture once its weights were saved and loaded", "")
    return "saved, loaded strictly, and the same to the bit"


def _tiles(subject: CheckedNetwork) -> str:
    if subject.traits.whole_image_statistics:
        raise LeftOutError("it takes statistics of the whole image, as its traits say: tiles change its result")
    overlap = overlap_for(subject.model, Inference())
    lr = subject.lr(*subject.traits.size_for(GRID + overlap + 40, 2 * GRID + overlap))
    thumbnail = second_inputs(lr, subject.traits.thumbnail)

    def network(part: Tensor) -> Tensor:
        with torch.no_grad(), exact_float32():
            return on_multiples(subject.model, part, *thumbnail).cpu()

    worst = (tiled(network, lr, GRID + overlap, overlap) - network(lr)).abs().max().item()
    if worst > LEVEL:
        raise RedError(f"tiles that overlap by {overlap} differ from the whole by {255 * worst:.2g} levels of 255", "")
    return f"tiles that overlap by {overlap} give the whole image within {255 * worst:.1g} levels of 255"


def _parameters(subject: CheckedNetwork) -> str:
    found, dead = parameters(subject.model), dead_parameters(subject.model)
    frozen = f", {found.frozen:,} frozen" if found.frozen else ""
    if dead:
        named = ", ".join(list(dead)[:3])
        raise RedError(f"{sum(dead.values()):,} of {found.trainable:,} are never reached by training: {named}", "")
    return f"{found.trainable:,}{frozen}, none of them dead"


def _flops(subject: CheckedNetwork) -> str:
    found = complexity(subject.model, 256, 256)
    if found.too_low:
        raise RedError(found.too_low.reason, "")
    counts = ", ".join(f"{name} {count.flops / 1e9:.4g} G" for name, count in found.counts.items())
    return f"{counts} for 256×256 pixels of LR"


def _latency(subject: CheckedNetwork) -> str:
    measured, missing = latency_summary(subject.model)
    if measured is None:
        raise RedError(missing[0].reason, "")
    return f"{measured.median_ms:.3g} ms for 256×256 pixels of LR ({measured.device}, {measured.threads} threads)"


def _export(subject: CheckedNetwork, folder: Path, form: str) -> str:
    if is_scripted(subject.model) and form != ".safetensors":
        raise LeftOutError(SCRIPTED)
    model = copy_to(subject.model, "cpu")
    if not hasattr(model, "scale"):
        model.scale = subject.scale  # type: ignore[assignment]
    try:
        told = export(model, subject.name, {}, folder / f"network{form}", None)
    except UserError as error:
        if "pip install" in str(error):
            raise LeftOutError(str(error)) from error
        raise
    return told.partition(": ")[2]


def _close(found: Tensor, expected: Tensor, what: str) -> str:
    worst = (found - expected).abs().max().item()
    if not worst <= CLOSE * max(1.0, expected.abs().max().item()):
        raise RedError(f"{what} by {worst:.2g}", "")
    return f"the same within {worst:.1g}" if worst else "the same"
