"""Which weights of a network the output of a pass is made from, as far as the operators seen tell.

A block that runs outside torch's operators (an extension, another library's engine) can hide from a count. It must ask
for its weights all the same, and what it puts out is made from none of them, or from nothing at all.
"""

from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor, nn
from torch.multiprocessing.reductions import StorageWeakRef
from torch.nn.parameter import Parameter
from torch.utils._pytree import tree_leaves

INPUT = "its input"


class WeightFlow:
    """Follows the parameters of `model`, a copy that may be changed, and its input through the operators that `note` is
    told of. A set of them is the bits of a number; they are known by their storage, which views share."""

    def __init__(self, model: nn.Module, lr: Tensor) -> None:
        self.names = [INPUT, *(name for name, _ in model.named_parameters())]
        sources = [lr, *model.parameters()]
        self._made_from = {StorageWeakRef(one.untyped_storage()): 1 << bit for bit, one in enumerate(sources)}
        self._asked, self._read = self._bits([lr]), 0
        for module in model.modules():
            if isinstance(module, torch.jit.ScriptModule):  # asks out of Python's sight
                self._asked |= self._bits(module.parameters())
            else:
                module._parameters = _Parameters(module._parameters, self)

    def note(self, inputs: Any, outputs: Any) -> None:
        """That an operator made `outputs` from `inputs`, each nested or not."""
        made_from = self._bits(tree_leaves(inputs))
        self._read |= made_from
        for one in tree_leaves(outputs):
            if isinstance(one, Tensor):
                key = StorageWeakRef(one.untyped_storage())
                self._made_from[key] = self._made_from.get(key, 0) | made_from

    def ask(self, parameter: Parameter | None) -> None:
        """That a module's code took this parameter into its hands."""
        self._asked |= self._bits([parameter])

    def unread(self, outputs: Any) -> tuple[str, ...]:
        """The names of what was asked for, and of which nothing has come into `outputs`: only what no operator read at
        all, where there is such."""
        lost = self._asked & ~self._bits(tree_leaves(outputs))
        lost = lost & ~self._read or lost
        return tuple(name for bit, name in enumerate(self.names) if lost >> bit & 1)

    def _bits(self, leaves: Iterable[Any]) -> int:
        found = 0
        for one in leaves:
            if isinstance(one, Tensor):
                found |= self._made_from.get(StorageWeakRef(one.untyped_storage()), 0)
        return found


class _Parameters(dict[str, Parameter | None]):
    """A module's parameters, which tell when one is asked for by its name: nn.Module.__getattr__ reads them so."""

    def __init__(self, parameters: dict[str, Parameter | None], flow: WeightFlow) -> None:
        super().__init__(parameters)
        self._flow = flow

    def __getitem__(self, name: str) -> Parameter | None:
        parameter = super().__getitem__(name)
        self._flow.ask(parameter)
        return parameter
