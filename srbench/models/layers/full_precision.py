"""What is computed in the precision of its inputs, whatever autocast makes of the network around it."""

from contextlib import AbstractContextManager, nullcontext

import torch


def in_full_precision(device: torch.device) -> AbstractContextManager[None]:
    """Without autocast, which the meta device does not know."""
    known = torch.amp.is_autocast_available(device.type)
    return torch.autocast(device.type, enabled=False) if known else nullcontext()
