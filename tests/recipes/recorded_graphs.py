"""CUDA graphs on a CPU: what a step asks of torch is recorded with the memory that it reads and writes, and repeated
without the step's Python."""

from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves, tree_map

READS = (torch.ops.aten._local_scalar_dense.default, torch.ops.aten.equal.default, torch.ops.aten.nonzero.default)


def aliased(tree: Any) -> Any:
    """The same memory, whatever becomes of the tensors that it belonged to."""
    return tree_map(lambda one: one.detach() if isinstance(one, Tensor) else one, tree)


class Recording(TorchDispatchMode):
    """`calls`: each operation, its inputs, and the memory that its results are to be written to, where it makes any."""

    def __init__(self) -> None:
        super().__init__()
        self.calls: list[tuple[Any, Any, Any, list[Tensor]]] = []

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        if func in READS:
            raise RuntimeError(f"{func}: operation not permitted when stream is capturing")
        kwargs = kwargs or {}
        inputs = aliased((args, kwargs))
        given = {one.untyped_storage().data_ptr() for one in tree_leaves((args, kwargs)) if isinstance(one, Tensor)}
        output = func(*args, **kwargs)
        made = [one for one in tree_leaves(output) if isinstance(one, Tensor)]
        new = [one.detach() for one in made if one.untyped_storage().data_ptr() not in given]
        is_view = bool(made) and not new and not func._schema.is_mutable
        if not is_view:
            self.calls.append((func, *inputs, new))
        return output


class RecordedGraphs:
    """`captured`: how many graphs have been made; `replayed`: how often one has run."""

    def __init__(self) -> None:
        self.captured = self.replayed = 0

    def run(self, step):
        step()

    def capture(self, step):
        recording = Recording()
        with recording:  # computes, too: that is the first replay, which follows
            step()
        self.captured += 1
        done = [True]

        def replay():
            self.replayed += 1
            if not done:
                repeat(recording.calls)
            done.clear()

        return replay

    def mark(self):
        return lambda: None


@torch.no_grad()
@torch.autocast("cpu", enabled=False)  # what it made of an operation is recorded
def repeat(calls) -> None:
    """Does again what was recorded."""
    for func, args, kwargs, new in calls:
        made = [one for one in tree_leaves(func(*args, **kwargs)) if isinstance(one, Tensor)]
        if new:
            for there, one in zip(new, made, strict=True):
                there.copy_(one)
