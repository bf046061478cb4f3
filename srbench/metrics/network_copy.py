"""A network copied to another device, whatever it holds beside parameters and buffers."""

import copy
import io
import warnings
from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor, nn


def copy_to(model: nn.Module, device: torch.device | str) -> nn.Module:
    """The model stays as it is. Tensors that its modules hold as plain attributes go along: means of colours, say."""
    with torch.inference_mode(False):
        # deepcopy refuses what was computed from parameters, such as the weight of torch's weight_norm, and breaks the
        # parameters of a scripted or traced module off from what it computes with.
        memo: dict[int, Any] = {id(tensor): tensor.detach() for _, _, tensor in _plain(model) if not tensor.is_leaf}
        memo |= {id(module): _script_on(module, device) for module in _scripts(model)}
        copied: nn.Module = copy.deepcopy(model, memo).to(device)
        for module, name, tensor in _plain(copied):
            vars(module)[name] = tensor.to(device)
        return copied


def _plain(model: nn.Module) -> list[tuple[nn.Module, str, Tensor]]:
    attributes = ((module, name, value) for module in model.modules() for name, value in vars(module).items())
    return [(module, name, value) for module, name, value in attributes if isinstance(value, Tensor)]


def _scripts(module: nn.Module) -> Iterator[torch.jit.ScriptModule]:
    if isinstance(module, torch.jit.ScriptModule):
        yield module
    else:
        for child in module.children():
            yield from _scripts(child)


def _script_on(module: torch.jit.ScriptModule, device: torch.device | str) -> Any:
    stored = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of torch.jit being deprecated: the network is somebody else's
        torch.jit.save(module, stored)
        stored.seek(0)
        return torch.jit.load(stored, map_location=device)
