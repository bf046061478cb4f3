"""The bytes that a network's tensors take, from operators as they run: on the meta device too, where none are taken."""

from typing import Any

from torch import Tensor
from torch._ops import OpOverload
from torch.multiprocessing.reductions import StorageWeakRef
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves


class LiveBytes(TorchDispatchMode):
    """`peak`: the most bytes alive after any operator run inside `with torch.no_grad(), LiveBytes(tensors) as live`.

    `tensors` (weights, input) are counted from the start. Counted are storages, so that a view adds nothing; not
    counted is what one operator takes and gives back, such as the workspace of a convolution.
    """

    def __init__(self, tensors: list[Tensor]) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._alive: dict[StorageWeakRef, int] = {}
        self._note(tensors)
        self.peak = sum(self._alive.values())

    def __torch_dispatch__(
        self, func: OpOverload, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        out = func(*args, **(kwargs or {}))
        self._note([leaf for leaf in tree_leaves(out) if isinstance(leaf, Tensor)])
        self._alive = {storage: size for storage, size in self._alive.items() if not storage.expired()}
        self.peak = max(self.peak, sum(self._alive.values()))
        return out

    def _note(self, tensors: list[Tensor]) -> None:
        for tensor in tensors:
            storage = tensor.untyped_storage()
            self._alive[StorageWeakRef(storage)] = storage.nbytes()
