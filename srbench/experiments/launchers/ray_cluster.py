"""A Ray cluster: joined where RAY_ADDRESS says, else started on this machine, and what it offers to runs."""

import logging
import os
import signal
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from srbench.core import hardware
from srbench.core.errors import UserError, first_line
from srbench.core.progress import console
from srbench.experiments.launchers.ray_worker import Share
from srbench.experiments.spec import RunSpec

CONNECT_SECONDS = 10.0
OBJECTS = 100_000_000  # bytes of shared memory, of which runs use next to nothing
LAUNCHER = "hydra/launcher=ray_cluster"

Amount = float | Literal["auto"]


@dataclass(frozen=True)
class RayNode:
    """A machine of a cluster, and what it has in all."""

    identity: str
    cpus: float
    gpus: float

    def holds(self, cpus: float, gpus: float) -> bool:
        """Whether it could, were nothing else there."""
        return self.cpus >= cpus and self.gpus >= gpus


@contextmanager
def ray_cluster() -> Iterator[None]:
    """Meanwhile this process is a driver of Ray's, of a cluster of its own unless RAY_ADDRESS is set.

    Raises UserError where Ray is not installed, and where no cluster answers that this process can join.
    """
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    try:
        import ray
    except ImportError:
        raise UserError(f"{LAUNCHER}: Ray is not installed; pip install 'srbench[ray]'") from None
    address = os.environ.get("RAY_ADDRESS")
    handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    own: dict[str, Any] = {} if address else _own_cluster()
    place = f"RAY_ADDRESS={address}" if address else LAUNCHER
    if address:
        _refuse_nobody(address)
    try:
        ray.init(
            address=address or "local",
            log_to_driver=False,
            logging_level=logging.ERROR,
            runtime_env={"env_vars": {"PYTHONPATH": _import_path()}},
            **own,
        )
    except (RuntimeError, OSError, ValueError, ray.exceptions.RayError) as error:
        reason = " ".join(first_line(error).split())
        raise UserError(f"{place}: no cluster could be {'joined' if address else 'started'}: {reason}") from error
    # Else Ray prints, among the tables, a paragraph for each worker that dies.
    ray._private.worker._worker_logs_enabled = False
    try:
        for number, handler in handlers.items():
            signal.signal(number, handler)  # Ray's end the process before its runs could stop
        yield
    finally:
        ray.shutdown()


def _refuse_nobody(address: str) -> None:
    """UserError for HOST:PORT where nobody listens: Ray itself would try for minutes, and tell of each time."""
    host, _, port = address.removeprefix("ray://").rpartition(":")
    if not port.isdecimal():
        return
    try:
        socket.create_connection((host.strip("[]"), int(port)), CONNECT_SECONDS).close()
    except (OSError, OverflowError) as error:
        raise UserError(
            f"RAY_ADDRESS={address}: no Ray cluster is there: {first_line(error)}; unset it, and one is started here"
        ) from None


def _own_cluster() -> dict[str, Any]:
    return {"num_cpus": hardware.cores(), "include_dashboard": False, "object_store_memory": OBJECTS}


def _import_path() -> str:
    """Where this process finds modules beside those that are installed."""
    installed = tuple({sys.prefix, sys.base_prefix})
    found = (str(Path(place or ".").resolve()) for place in sys.path)
    return os.pathsep.join(dict.fromkeys(place for place in found if not place.startswith(installed)))


def ray_nodes() -> list[RayNode]:
    """Those that are alive."""
    import ray

    return [
        RayNode(str(node["NodeID"]), node["Resources"].get("CPU", 0.0), node["Resources"].get("GPU", 0.0))
        for node in ray.nodes()
        if node["Alive"]
    ]


def share_of(run: RunSpec, cpus: Amount, gpus: Amount) -> Share:
    """What a run gets of the cluster. `auto`: a processor for each of its threads, of which it has one where it has no
    number of them, as its result is the same on any number of cores then; and the GPUs that it trains on, where the
    cluster has any.

    UserError for what cannot be; a line for what no node has yet, as a cluster may grow.
    """
    device, _, number = run.device.partition(":")
    if device == "cuda" and number:
        raise UserError(f"device={run.device}: Ray chooses the GPU of each run; use device=cuda")
    nodes = ray_nodes()
    if cpus == "auto":
        cpus = run.devices * (1 if run.threads == "auto" else run.threads)
    if gpus == "auto":
        gpus = run.devices if device != "cpu" and any(node.gpus for node in nodes) else 0
    if device == "cuda" and not gpus:
        raise UserError("device=cuda: no GPU is asked of the Ray cluster, or it has none; use device=auto")
    threads = max(1, int(cpus) // run.devices) if run.threads == "auto" else run.threads
    if not any(node.holds(cpus, gpus) for node in nodes):
        needed = f"{cpus:g} CPUs" + (f" and {gpus:g} GPUs" if gpus else "")
        if not os.environ.get("RAY_ADDRESS"):
            raise UserError(f"{LAUNCHER}: this machine has no {needed} for a run; lower hydra.launcher.num_cpus")
        console.print(f"no node of the Ray cluster has {needed}, which a run is to get; waits for one")
    return Share(cpus, gpus, threads)


def whole_node(run: RunSpec, share: Share) -> tuple[Share, dict[str, Any]]:
    """All of the largest node that could do with `share`, and Ray's options that say so: where a run is to be alone."""
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

    nodes = [node for node in ray_nodes() if node.holds(share.cpus, share.gpus)]
    if not nodes:
        return share, {}
    largest = max(nodes, key=lambda node: (node.gpus, node.cpus))
    threads = int(largest.cpus) if run.threads == "auto" else run.threads
    whole = Share(largest.cpus, largest.gpus if share.gpus else 0, threads)
    return whole, {"scheduling_strategy": NodeAffinitySchedulingStrategy(largest.identity, soft=True)}
