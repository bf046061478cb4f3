"""A network of somebody's, as it comes from Python, and how it is run without being changed."""

import torch
from torch import Tensor, nn
from torch.export import ExportedProgram
from torch.nn.parameter import is_lazy

from srbench.core.errors import UserError
from srbench.evaluation.translated import in_eval_mode
from srbench.metrics.network_copy import copy_to
from srbench.models.traits import image_channels_of, traits_of


def check_network(model: object) -> None:
    """UserError for what is no network, and for one whose layers wait for an image to know their sizes."""
    if not isinstance(model, nn.Module):
        how = f'; srbench.load("{model}") gives one' if isinstance(model, str) else ""
        if isinstance(model, ExportedProgram):
            how = "; its module() is one"
        raise UserError(f"model: a torch.nn.Module is needed, not a {type(model).__name__}{how}")
    waiting = [name for name, one in _tensors(model).items() if is_lazy(one)]
    if waiting:
        raise UserError(f"model: {waiting[0]} has no size yet, as its layer is lazy; give the network an image first")


def check_values(model: nn.Module) -> None:
    """UserError for a network whose weights are without values, on torch's meta device."""
    empty = [name for name, one in _tensors(model).items() if one.is_meta]
    if empty:
        raise UserError(f"model: {empty[0]} has no values, as it is on torch's meta device; load its weights first")


def _tensors(model: nn.Module) -> dict[str, Tensor]:
    return {**dict(model.named_parameters()), **dict(model.named_buffers())}


def working_copy(model: nn.Module, device: str) -> nn.Module:
    """A copy on the device, in eval mode, which computes in float32; of one that cannot be copied (as it holds what
    other libraries give it) that one itself."""
    try:
        copied = copy_to(model, device).eval()
    except Exception:  # whatever somebody else's network says when it is copied
        copied = in_eval_mode(model).to(device)
    return in_float32(copied, device)


def in_float32(model: nn.Module, device: str) -> nn.Module:
    """The network, on the device, with its weights in float32; as it is, where it takes float32 as they are."""
    kinds = {one.dtype for one in _tensors(model).values() if one.is_floating_point()}
    if kinds <= {torch.float32} or _takes_float32(model, device):
        return model
    return model.float()


def _takes_float32(model: nn.Module, device: str) -> bool:
    side = max(32, traits_of(model).smallest_input)
    lr = torch.zeros(1, image_channels_of(model), *traits_of(model).size_for(side, side), device=device)
    try:
        with torch.inference_mode():
            model(lr)
    except Exception:  # the least of it is that types do not fit
        return False
    return True
