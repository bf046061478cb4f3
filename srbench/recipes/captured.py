"""Steps of a training as CUDA graphs: hundreds of kernels are started as one, where the host would take longer to start
them than the GPU takes to run them.

Steps before are run as they are written, on the stream that is captured from; a step that is captured then is run by
its graph from that one on. The same code, on the same tensors, makes the same kernels, so that a training is the same
to the bit whether it is captured, or interrupted.
"""

import logging
import random
import warnings
from collections.abc import Callable, Hashable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor

from srbench.core import hardware
from srbench.core.errors import FailedRunError, first_line_with_type
from srbench.data.device_patches import Cuts, DeviceSource
from srbench.recipes.optimizer_groups import Groups, may_be_captured, to_gpu
from srbench.recipes.outcome import TOO_FEW, Capture, Layout
from srbench.recipes.recipe import Recipe
from srbench.recipes.steps import Steps
from srbench.recipes.stream import Fed

log = logging.getLogger(__name__)

WARM_UP = 11  # steps before the first capture: libraries choose and load what they run
OF_A_KIND = 3  # of these, those of the kind that is captured


@dataclass
class Captured:
    """Whether steps have been `done` by a graph, and why others, or all, were not: None where there is no `reason`.
    `loose`: what is computed in no fixed order, in torch's words."""

    done: bool = False
    reason: str | None = None
    loose: list[str] = field(default_factory=list)


class Graphs(Protocol):
    """Where steps are run, and captured."""

    def run(self, step: Callable[[], None]) -> None:
        """Runs a step as it is written."""

    def capture(self, step: Callable[[], None]) -> Callable[[], None]:
        """Captures it without running it, and returns what runs it."""

    def mark(self) -> Callable[[], None]:
        """What waits for all that has been run up to now."""


class CudaGraphs:
    """On a GPU."""

    def __init__(self, device: torch.device) -> None:
        self.device, self.stream, self.pool = device, torch.cuda.Stream(device), torch.cuda.graph_pool_handle()

    def run(self, step: Callable[[], None]) -> None:
        """As Graphs says."""
        others = torch.cuda.current_stream(self.device)
        self.stream.wait_stream(others)
        with torch.cuda.stream(self.stream):
            step()
        others.wait_stream(self.stream)

    def capture(self, step: Callable[[], None]) -> Callable[[], None]:
        """As Graphs says."""
        graph = torch.cuda.CUDAGraph()
        try:
            self._captured(graph, step, self.pool)
        except Exception:
            self._end_what_failed()
            raise
        return graph.replay

    def _captured(self, graph: torch.cuda.CUDAGraph, step: Callable[[], object], pool: Any = None) -> None:
        # Meanwhile the next batches are made by another thread.
        with torch.cuda.graph(graph, pool, self.stream, capture_error_mode="thread_local"):
            step()

    def _end_what_failed(self) -> None:
        """torch up to 2.12 leaves a capture that fails as if it went on: no memory is ever given back then, also where
        a tensor finds none, and what draws random numbers on the GPU raises."""
        with suppress(RuntimeError, AttributeError):  # of a torch that has ended it, or has another way to
            torch._C._cuda_endAllocateToPool(self.stream.device_index, self.pool)
        self.pool = torch.cuda.graph_pool_handle()
        with suppress(RuntimeError):  # one that ends well puts the generator right
            self._captured(torch.cuda.CUDAGraph(), lambda: torch.zeros(1, device=self.device))

    def mark(self) -> Callable[[], None]:
        """As Graphs says."""
        event = torch.cuda.Event(blocking=True)  # else the host, which others need, would spin
        event.record(torch.cuda.current_stream(self.device))
        return event.synchronize


@dataclass
class _Place:
    """Of the steps of a kind: the batch that they read, how many have been run as they are written, and once they are
    captured what runs them and what each leaves for later."""

    batch: Fed
    seen: int = 0
    replay: Callable[[], None] | None = None
    later: Sequence[Callable[[], None]] = ()


class CapturedSteps(Steps):
    """Steps that are captured as soon as they can be; `wanted` False: none, which makes no difference but in time.

    `told`: how it went. `layout`: of images in memory. `source`: cuts the batches of Cuts, as part of a step. Raises
    FailedRunError where `wanted` is True and a step cannot be captured.
    """

    def __init__(
        self,
        recipe: Recipe,
        graphs: Graphs,
        wanted: Capture,
        told: Captured,
        layout: Layout = "channels_last",
        source: DeviceSource | None = None,
    ) -> None:
        super().__init__(recipe)
        self.graphs, self.wanted, self.told, self.layout, self.source = graphs, wanted, told, layout, source
        if wanted is False:
            told.reason = "capture=false"
        self.places: dict[Hashable, _Place] = {}  # by the kind of step that one graph does
        self.seen = 0
        self.values = torch.empty(0)
        self.groups: Groups | None = None
        self.addresses: list[int] = []
        self.warned: dict[Any, Any] = {}
        self.mark: Callable[[], None] = lambda: None

    def together(self, batches: Sequence[Any], index: int) -> dict[str, Any]:
        """As Steps says."""
        # The host is ahead of the device by no more than Lightning gives it at once, and tells of what has been done.
        before, self.mark = self.mark, self.graphs.mark()
        before()
        self._look_at_addresses()
        return super().together(batches, index)

    def row(self, batch: Fed) -> Tensor:
        """As Steps says; its batch may lie on the host."""
        recipe = self.recipe
        if self.groups is None:
            self._begin()
        assert self.groups
        place = self._placed(batch)
        if not self.groups.follow():
            self._refuse("a schedule sets more of the optimizer than its learning rates")
            place.replay = None
        if place.replay is None and self._may_capture(place):
            self._capture(place)
        if place.replay:
            place.replay()
            recipe.later = list(place.later)
            self.told.done = True
        else:
            self._run(place)
        row = self.values.clone()
        recipe.gradient_norms = dict(zip(recipe.trainer.optimizers, row[len(self.losses) :], strict=False))
        return row

    def end(self) -> None:
        """Lets go of graphs and images; tells of a training that ended before one was made."""
        self.places, self.source = {}, None
        if not self.told.done and not self.told.reason:
            self.told.reason = TOO_FEW

    def _look_at_addresses(self) -> None:
        """Lets go of graphs whose weights have been put elsewhere in memory, which would go on with what lies there."""
        recipe = self.recipe
        addresses = [one.data_ptr() for one in (*recipe.parameters(), *recipe.buffers())]
        if addresses != self.addresses:
            self.addresses = addresses
            for place in self.places.values():
                place.replay = None

    def _begin(self) -> None:
        """Not earlier: by now Lightning has loaded what a checkpoint held."""
        recipe = self.recipe
        if recipe.device.type == "cuda":
            for optimizer in recipe.trainer.optimizers:
                to_gpu(optimizer, recipe.device)
        self.groups = Groups(recipe.trainer.optimizers, recipe.device)
        self.values = torch.empty(len(self.names), device=recipe.device)
        if obstacle := _obstacle(recipe):
            self._refuse(obstacle)

    def _placed(self, batch: Fed) -> _Place:
        """The place of the batch's kind, which now holds the batch."""
        kind = self.recipe.variant, *(one.shape if isinstance(one, Tensor) else one for one in batch)
        place = self.places.get(kind)
        if place is None:
            device = self.recipe.device
            copied = (one.to(device, copy=True) if isinstance(one, Tensor) else one for one in batch)
            place = self.places[kind] = _Place(type(batch)._make(copied))
            return place
        for new, there in zip(batch, place.batch, strict=True):
            if isinstance(there, Tensor) and isinstance(new, Tensor):
                there.copy_(new, non_blocking=True)
        return place

    def _may_capture(self, place: _Place) -> bool:
        return not self.told.reason and self.seen >= WARM_UP and place.seen >= OF_A_KIND

    def _run(self, place: _Place) -> None:
        looked_at = self.seen < WARM_UP or place.seen < OF_A_KIND
        self.seen, place.seen = self.seen + 1, place.seen + 1
        if not looked_at:
            self.graphs.run(lambda: self._step(place.batch))
            return
        drawn = _drawn()
        with warnings.catch_warnings(record=True) as told:
            warnings.simplefilter("always")
            self.graphs.run(lambda: self._step(place.batch))
        self._hear(told)
        if _drawn() != drawn:
            self._refuse("a step draws random numbers on the CPU, which a graph would repeat")

    def _hear(self, told: Sequence[warnings.WarningMessage]) -> None:
        """Of what torch warns of: keeps what is `repeatable`'s, and passes the rest on."""
        for one in told:
            text = str(one.message).partition(". ")[0]
            if "deterministic" not in text:
                warnings.warn_explicit(one.message, one.category, one.filename, one.lineno, registry=self.warned)
            elif text not in self.told.loose:
                self.told.loose.append(text)
                log.info("two trainings may differ in their last digits: %s", text)

    def _capture(self, place: _Place) -> None:
        try:
            place.replay = self.graphs.capture(lambda: self._step(place.batch))
        except Exception as error:  # whatever a network, a loss or an optimizer does that a graph cannot hold
            assert self.groups
            self.groups.forget_gradients()  # of tensors that nothing has been written into
            if hardware.is_out_of_memory(error):
                raise  # which is no matter of graphs
            # What ends a capture tells of it in its own words; the cause is what was raised inside.
            self._refuse(first_line_with_type(error.__context__ or error))
            return
        finally:
            place.later, self.recipe.later = self.recipe.later, []

    def _step(self, batch: Fed) -> None:
        assert self.groups
        self.recipe.later = []
        if isinstance(batch, Cuts):
            assert self.source
            batch = self.source.cut(*batch)
        if self.layout == "contiguous":
            batch = batch._replace(lr=_planar(batch.lr), hr=_planar(batch.hr))
        with self.groups.on_device(), _without_cached_casts():
            told = self.in_order(self.step(batch, self.recipe.step - 1))
            torch.stack([one.float() for one in told], out=self.values)

    def _refuse(self, reason: str) -> None:
        if self.told.reason:
            return
        if self.wanted is True:
            raise FailedRunError(f"capture=true: {reason}; set capture=auto or false")
        self.told.reason = reason
        log.warning("steps are run without CUDA graphs: %s", reason)


def _planar(pixels: Tensor) -> Tensor:
    """(N, H, W, 3), the same in memory that holds one colour behind the other."""
    return pixels.permute(0, 3, 1, 2).contiguous().permute(0, 2, 3, 1)


def _obstacle(recipe: Recipe) -> str | None:
    """Why no step of the recipe can be captured, as far as can be told beforehand."""
    if not vars(type(recipe)).get("capturable"):
        return f"{type(recipe).__name__} does not say of itself that its steps may be captured (capturable = True)"
    if recipe.trainer.precision == "16-mixed":
        return "in fp16 each step waits for what its scaler finds; bf16 does not"
    if recipe.accumulate > 1:
        return f"accumulate={recipe.accumulate}: gradients wait for those of later batches"
    for optimizer in recipe.trainer.optimizers:
        if not may_be_captured(optimizer):
            return f"{type(optimizer).__name__} may count its steps in Python (it has no option capturable)"
    if recipe.ranks.count > 1:
        return f"devices={recipe.ranks.count}: each step waits for the other processes"
    return None


@contextmanager
def _without_cached_casts() -> Iterator[None]:
    """Autocast would keep what it made of a weight outside of the graph."""
    before = torch.is_autocast_cache_enabled()
    torch.set_autocast_cache_enabled(False)
    try:
        yield
    finally:
        torch.set_autocast_cache_enabled(before)


def _drawn() -> tuple[Any, ...]:
    """Where the random numbers of Python, NumPy and torch on the CPU stand."""
    numpy: Any = np.random.get_state(legacy=False)  # noqa: NPY002  it is what others draw from
    of_numpy = numpy["state"]["pos"], numpy["state"]["key"].tobytes()
    return random.getstate(), of_numpy, torch.default_generator.get_state().numpy().tobytes()
