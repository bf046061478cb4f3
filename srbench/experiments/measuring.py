"""The steps of a run that measure its network: what it costs, and how long it takes."""

from dataclasses import replace

import torch

from srbench.experiments.recording import Attempt
from srbench.experiments.store.record import Record
from srbench.metrics import cost

OF_COSTS = ("flops", "memory", "params_dead")  # what is missing where a network cannot be counted


def measure_cost(attempt: Attempt) -> Record:
    """Parameters, FLOPs, activations and memory, counted on torch's meta device; what needs values, on the CPU: a GPU's
    allocator would tell of other memory."""
    record = attempt.record
    if not attempt.left.cost:
        return record
    found, uncounted = cost.cost_summary(attempt.model.cpu(), attempt.run.scale)
    others = tuple(missing for missing in record.missing if missing.what not in OF_COSTS)
    prints = replace(record.fingerprints, cost=attempt.asked.cost)
    return replace(record, cost=found, missing=others + uncounted, fingerprints=prints)


def measure_latency(attempt: Attempt) -> Record:
    """The time of one image, where the run computes."""
    record = attempt.record
    asked = attempt.asked.latency
    if asked is None or not attempt.left.latency:
        return record
    attempt.tell("measures latency", 0, 1)
    model = attempt.model.to(attempt.slot.device).to(memory_format=torch.channels_last)
    measured, unmeasured = cost.latency_summary(model)
    others = tuple(missing for missing in record.missing if missing.what != "latency")
    tried = attempt.slot.device.partition(":")[0]
    prints = replace(record.fingerprints, latency=asked.fingerprint, latency_device=tried)
    return replace(record, latency=(measured,) if measured else (), missing=others + unmeasured, fingerprints=prints)
