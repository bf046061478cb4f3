"""Networks that a recipe only reads: a loss's backbone, a teacher."""

from typing import TypeVar

from torch import nn

Network = TypeVar("Network", bound=nn.Module)


def as_constants(module: Network) -> Network:
    """The module itself, in eval mode, its parameters and buffers turned into buffers that are in no state dict: they
    move with the recipe, and are neither trained, nor counted, nor written to a checkpoint."""
    for part in module.modules():
        tensors = [*part.named_parameters(recurse=False), *part.named_buffers(recurse=False)]
        for name, tensor in tensors:
            delattr(part, name)
            part.register_buffer(name, tensor.detach(), persistent=False)
    return module.eval()
