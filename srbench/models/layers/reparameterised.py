"""3×3 convolutions that are trained as several and are one in everything else.

`parallel`: a 3×3, a 1×1 and a scaled identity, after Ding et al., "RepVGG", CVPR 2021, §3.2, whose batch normalisations
are left out. `series`: 1×1, 3×3 and 1×1 of twice the channels, and a 1×1 beside them, as in the code of SPAN (Wan et
al., CVPRW 2024). Nothing stands between these convolutions, so that their kernels are composed and one convolution
runs (Hu et al., "Online Convolutional Re-parameterization", CVPR 2022): a training form is its folded convolution at
every pixel, borders included. It equals the convolutions one by one where the image is padded before the first.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from copy import deepcopy

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from srbench.models.layers.argument_checks import check_choice
from srbench.models.layers.full_precision import in_full_precision

GAIN = 2  # of channels between the convolutions in series


class Conv2d(nn.Conv2d):
    """With bias."""

    bias: Tensor


class ReparameterisedConv2d(Conv2d):
    """A 3×3 convolution with bias that `in_training_form` gives another `form` to train: "parallel" or "series"."""

    def __init__(self, inputs: int, outputs: int, form: str, groups: int = 1, dilation: int = 1) -> None:
        check_choice("reparameterise", form, "none", *FORMS)
        super().__init__(inputs, outputs, 3, padding=dilation, dilation=dilation, groups=groups)
        self.form = form


class TrainingForm(nn.Module):
    """What is trained in place of `conv`, and begins as the same function. `kernel`: of the convolution that it is,
    weights (outputs, inputs / groups, 3, 3) and bias (outputs,)."""

    def __init__(self, conv: ReparameterisedConv2d) -> None:
        super().__init__()
        self.folded = (conv,)  # a tuple, or its weights would be trained, too

    def kernel(self) -> tuple[Tensor, Tensor]:
        raise NotImplementedError

    def forward(self, x: Tensor) -> Tensor:
        (conv,) = self.folded
        with in_full_precision(x.device):  # bf16 would round each factor
            weight, bias = self.kernel()
        return F.conv2d(x, weight, bias, conv.stride, conv.padding, conv.dilation, conv.groups)

    @torch.no_grad()
    def fold(self) -> nn.Conv2d:
        """The convolution, composed in float64."""
        (conv,) = self.folded
        weight, bias = deepcopy(self).double().kernel()
        for own, value in ((conv.weight, weight), (conv.bias, bias)):
            own.data = value.to(own.dtype)
        return conv


class Parallel(TrainingForm):
    """conv3x3(x) + conv1x1(x) + γ · x, the last where there are as many outputs as inputs; 1×1 and γ begin as zeros."""

    def __init__(self, conv: ReparameterisedConv2d) -> None:
        super().__init__(conv)
        inputs, outputs, groups = conv.in_channels, conv.out_channels, conv.groups
        self.conv3x3 = Conv2d(inputs, outputs, 3, groups=groups)
        self.conv1x1 = Conv2d(inputs, outputs, 1, groups=groups)
        self.identity = nn.Parameter(torch.zeros(outputs)) if inputs == outputs else None
        self.conv3x3.load_state_dict(conv.state_dict())
        for parameter in self.conv1x1.parameters():
            nn.init.zeros_(parameter)

    def kernel(self) -> tuple[Tensor, Tensor]:
        center = self.conv1x1.weight
        if self.identity is not None:
            # Output n reads input n, which is n modulo the inputs of its group.
            places = torch.arange(len(self.identity), device=center.device) % center.shape[1]
            center = center + (self.identity[:, None] * F.one_hot(places, center.shape[1]))[:, :, None, None]
        return self.conv3x3.weight + F.pad(center, (1, 1, 1, 1)), self.conv3x3.bias + self.conv1x1.bias


class Series(TrainingForm):
    """squeeze(conv3x3(expand(x))) + skip(x). The two 1×1 before and behind begin orthogonal, and the 3×3 between them
    with what then makes the convolution; the skip and the biases but its own begin as zeros. A
    `DrawnInSeries` that still is as it was drawn is trained from there."""

    def __init__(self, conv: ReparameterisedConv2d) -> None:
        super().__init__(conv)
        inputs, outputs, groups = conv.in_channels, conv.out_channels, conv.groups
        self.expand = Conv2d(inputs, GAIN * inputs, 1, groups=groups)
        self.conv3x3 = Conv2d(GAIN * inputs, GAIN * outputs, 3, groups=groups)
        self.squeeze = Conv2d(GAIN * outputs, outputs, 1, groups=groups)
        self.skip = Conv2d(inputs, outputs, 1, groups=groups)
        if conv.weight.is_meta:  # there is nothing to decompose
            return
        if isinstance(conv, DrawnInSeries) and (drawn := conv.as_drawn()):
            self.load_state_dict(drawn)
            return
        for parameter in (*self.skip.parameters(), self.expand.bias, self.squeeze.bias):
            nn.init.zeros_(parameter)
        self._begin(conv)

    @torch.no_grad()
    def _begin(self, conv: ReparameterisedConv2d) -> None:
        expand, _, squeeze, _ = self._weights()
        for matrix in (*expand, *squeeze):
            nn.init.orthogonal_(matrix)
        weight = conv.weight.unflatten(0, (conv.groups, -1))
        self.conv3x3.weight.copy_(torch.einsum("gon,goiuv,gmi->gnmuv", squeeze, weight, expand).flatten(0, 1))
        self.conv3x3.bias.copy_(
            torch.einsum("gon,go->gn", squeeze, conv.bias.unflatten(0, (conv.groups, -1))).flatten()
        )

    def _weights(self) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """By group, those of 1×1 convolutions as matrices."""
        (conv,) = self.folded
        expand, middle, squeeze, skip = (
            one.weight.unflatten(0, (conv.groups, -1)) for one in (self.expand, self.conv3x3, self.squeeze, self.skip)
        )
        return expand[..., 0, 0], middle, squeeze[..., 0, 0], skip

    def kernel(self) -> tuple[Tensor, Tensor]:
        expand, middle, squeeze, skip = self._weights()
        groups = len(expand)
        weight = torch.einsum("gon,gnmuv,gmi->goiuv", squeeze, middle, expand) + F.pad(skip, (1, 1, 1, 1))
        inner = torch.einsum("gnmuv,gm->gn", middle, self.expand.bias.unflatten(0, (groups, -1)))
        inner = inner + self.conv3x3.bias.unflatten(0, (groups, -1))
        bias = torch.einsum("gon,gn->go", squeeze, inner).flatten() + self.squeeze.bias + self.skip.bias
        return weight.flatten(0, 1), bias


FORMS = {"parallel": Parallel, "series": Series}


class DrawnInSeries(ReparameterisedConv2d):
    """One of form "series" that begins as what PyTorch's default makes of each convolution in series. What is drawn is
    kept, as it does not follow from the convolution that it makes: a training begins with it, if no other weights were
    loaded meanwhile."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__(inputs, outputs, "series")
        self.drawn: dict[str, Tensor] = {}
        if self.weight.is_meta:
            return
        series = _series_as_drawn(inputs, outputs).state_dict()
        weight, bias = folded_series(series)
        with torch.no_grad():
            self.weight.copy_(weight)
            self.bias.copy_(bias)
        self.drawn = {**series, "weight": self.weight.detach().clone(), "bias": self.bias.detach().clone()}

    def as_drawn(self) -> dict[str, Tensor]:
        """Weights and biases of the series; empty where the convolution is another than was drawn."""
        own = self.state_dict()
        if not all(name in self.drawn and tensor.equal(self.drawn[name].to(tensor)) for name, tensor in own.items()):
            return {}
        return {name: tensor for name, tensor in self.drawn.items() if name not in own}


def _series_as_drawn(inputs: int, outputs: int) -> Series:
    """With what PyTorch draws for each convolution."""
    with torch.device("meta"):
        conv = ReparameterisedConv2d(inputs, outputs, "series")
    return Series(conv)


def folded_series(weights: Mapping[str, Tensor]) -> tuple[Tensor, Tensor]:
    """Weight and bias, in float64, of the convolution that weights and biases of a `Series` without groups make.

    ValueError where these do not fit together.
    """
    outputs, inputs = weights["skip.weight"].shape[:2]
    with torch.device("meta"):
        series = _series_as_drawn(inputs, outputs)
    try:
        series.load_state_dict({name: tensor.double() for name, tensor in weights.items()}, assign=True)
    except RuntimeError as error:
        raise ValueError(f"no weights of 1×1, 3×3 and 1×1 in series: {error}") from error
    with torch.no_grad():
        return series.kernel()


@contextmanager
def in_training_form(model: nn.Module) -> Iterator[None]:
    """Puts, meanwhile, the training form of each ReparameterisedConv2d below `model` in its place. At the end each is
    the convolution that its training form has become."""
    _replace(model, lambda one: _training_form(one) if isinstance(one, ReparameterisedConv2d) else one)
    try:
        yield
    finally:
        _replace(model, lambda one: one.fold() if isinstance(one, TrainingForm) else one)


def _training_form(conv: ReparameterisedConv2d) -> TrainingForm:
    with conv.weight.device:  # which is meta where a training's memory is predicted
        return FORMS[conv.form](conv)


def _replace(model: nn.Module, replacement: Callable[[nn.Module], nn.Module]) -> None:
    made: dict[nn.Module, nn.Module] = {}  # one that stands in several places is one
    for module in list(model.modules()):
        for name, child in list(module.named_children()):
            made[child] = made.get(child) or replacement(child)
            setattr(module, name, made[child])
