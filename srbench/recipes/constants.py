"""Networks that a recipe only reads: a teacher, or a backbone whose features a loss compares."""

from torch import nn


def as_constants(module: nn.Module) -> nn.Module:
    """The module in eval mode, every parameter and buffer of it turned, in place, into a buffer that is not saved: it
    follows its recipe to a device, and is neither trained, counted, nor kept in last.ckpt."""
    for part in module.modules():
        for name, weight in [*part.named_parameters(recurse=False), *part.named_buffers(recurse=False)]:
            delattr(part, name)
            part.register_buffer(name, weight.detach(), persistent=False)
    return module.eval()
