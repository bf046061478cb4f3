"""Whether what a network runs may depend on what its image shows: seen by the operators and methods that turn numbers
of a tensor into numbers of Python or NumPy, or into the size of another tensor.
"""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch._ops import OpOverload
from torch.multiprocessing.reductions import StorageWeakRef
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from srbench.metrics.flops import CREATION, operator_name

READING = {torch.Tag.data_dependent_output, torch.Tag.dynamic_output_shape}
LEAVING = {Tensor.numpy, Tensor.tolist}  # without any operator
# Those that read where a tensor of such a type tells them sizes; in inference mode they arrive whole, without a mark.
BY_TYPE = {
    "index": (torch.bool, torch.uint8),
    **dict.fromkeys(["repeat_interleave", "one_hot"], (torch.int64, torch.int32)),
}


class ImageReadError(Exception):
    """Ends a pass: nothing that comes after it is to be trusted."""


class ImageReads(TorchDispatchMode):
    """`names`: of what, inside `with ImageReads(lr) as reads`, has read numbers made from `lr`, which raises
    ImageReadError."""

    def __init__(self, lr: Tensor) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._made_from_lr = {_storage(lr)}
        self.names: set[str] = set()
        self._leaving = _Leaving(self._note)

    def __enter__(self) -> "ImageReads":
        self._leaving.__enter__()  # type: ignore[no-untyped-call]
        entered: ImageReads = super().__enter__()  # type: ignore[no-untyped-call]
        return entered

    def __exit__(self, *error: Any) -> None:
        super().__exit__(*error)  # type: ignore[no-untyped-call]
        self._leaving.__exit__(*error)  # type: ignore[no-untyped-call]

    def __torch_dispatch__(
        self, func: OpOverload, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        name = operator_name(func)
        leaves = [leaf for leaf in tree_leaves((args, kwargs)) if isinstance(leaf, Tensor)]
        touched = [leaf for leaf in leaves if _storage(leaf) in self._made_from_lr]
        if name in BY_TYPE:
            reads = any(one.dtype in BY_TYPE[name] for one in touched)
        else:
            reads = bool(touched) and bool(READING & {*func.tags})
        if reads:
            self._end(name)
        out = func(*args, **(kwargs or {}))
        if touched and name not in CREATION:
            self._made_from_lr |= {_storage(leaf) for leaf in tree_leaves(out) if isinstance(leaf, Tensor)}
        return out

    def _note(self, name: str, tensor: Tensor) -> None:
        if _storage(tensor) in self._made_from_lr:
            self._end(name)

    def _end(self, name: str) -> None:
        self.names.add(name)
        raise ImageReadError(name)


class _Leaving(TorchFunctionMode):
    """Tells of the methods by which numbers leave a tensor."""

    def __init__(self, note: Callable[[str, Tensor], None]) -> None:
        super().__init__()
        self._note = note

    def __torch_function__(
        self, func: Callable[..., Any], types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        if func in LEAVING:
            self._note(func.__name__, args[0])
        return func(*args, **(kwargs or {}))


def _storage(tensor: Tensor) -> StorageWeakRef:
    return StorageWeakRef(tensor.untyped_storage())
