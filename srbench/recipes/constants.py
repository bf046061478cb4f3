"""Networks that a recipe only reads: a loss's backbone, a teacher."""

from typing import TypeVar

from torch import nn

Network = TypeVar("Network", bound=nn.Module)


def as_constants(module: Network) -> Network:
    """The module itself, in eval mode, with every parameter and buffer turned into a buffer that is in no state dict: it
    moves with the recipe, and is neither trained, nor counted, nor written to a checkpoint."""
    for part in module.modules():
        tensors = [*part.named_parameters(recurse=False), *part.named_buffers(recurse=False)]
        for name, tensor in tensors:
            delattr(part, name)
            part.register_buffer(name, tensor.detach(), persistent=False)
    return module.eval()
