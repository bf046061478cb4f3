"""How optimizers compute on a GPU and on a CPU, and their groups of parameters as a captured step reads them."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor
from torch.optim import SGD, Adam, AdamW, Optimizer

FUSED = (Adam, AdamW, SGD)  # by torch on a GPU
PER_STEP = ("params", "lr")  # of a parameter group; what else a schedule moves is in the graph


def may_be_captured(optimizer: Optimizer) -> bool:
    """Whether its steps can be told not to be counted in Python, which a graph would not repeat."""
    return isinstance(optimizer, FUSED) or all("capturable" in group for group in optimizer.param_groups)


def to_gpu(optimizer: Optimizer, device: torch.device) -> None:
    """Has it keep its state on the device, and fused where torch has it so."""
    for group in optimizer.param_groups:
        if "capturable" in group:
            group["capturable"] = True
        if isinstance(optimizer, FUSED):
            group["fused"], group["foreach"] = True, False
    for state in optimizer.state.values():
        for name, value in state.items():
            if isinstance(value, Tensor):
                state[name] = value.to(device)


def to_cpu(optimizer: Optimizer) -> None:
    """Undoes what a checkpoint of a GPU says of how the optimizer computes."""
    for group in optimizer.param_groups:
        if group.get("capturable"):
            group |= {"capturable": False, "foreach": None}
            if "fused" in group:
                group["fused"] = None


class Groups:
    """The groups of parameters of all optimizers, with their learning rates on the device, where a graph reads them."""

    def __init__(self, optimizers: Sequence[Optimizer], device: torch.device) -> None:
        self.all = [group for optimizer in optimizers for group in optimizer.param_groups]
        self.rates = [torch.tensor(float(group["lr"]), device=device) for group in self.all]
        self.told = [group["lr"] for group in self.all]
        self.others = [_others(group) for group in self.all]

    def follow(self) -> bool:
        """Brings to the device what the schedules have set; False where they set more than learning rates."""
        for number, group in enumerate(self.all):
            if group["lr"] != self.told[number]:
                self.told[number] = group["lr"]
                self.rates[number].fill_(group["lr"])
        return all(_others(group) == others for group, others in zip(self.all, self.others, strict=True))

    def forget_gradients(self) -> None:
        """Of all weights."""
        for group in self.all:
            for weight in group["params"]:
                weight.grad = None

    @contextmanager
    def on_device(self) -> Iterator[None]:
        """Meanwhile the optimizers read the learning rates there."""
        for group, rate in zip(self.all, self.rates, strict=True):
            group["lr"] = rate
        try:
            yield
        finally:
            for group, told in zip(self.all, self.told, strict=True):
                group["lr"] = told


def _others(group: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in group.items() if name not in PER_STEP and not isinstance(value, Tensor)}
