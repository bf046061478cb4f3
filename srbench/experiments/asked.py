"""A run of a command line that was checked and can be done."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from srbench.experiments.inputs import left_of_run
from srbench.experiments.spec import RunSpec
from srbench.experiments.store.left import Left, everything
from srbench.experiments.store.plans import PlannedRun, Wanted, factors_of


@dataclass(frozen=True)
class Asked:
    """A run that can be done: what is asked of it, and the number of its trainable parameters."""

    run: RunSpec
    wanted: Wanted
    params: int

    @cached_property
    def left(self) -> Left:
        """What is left to do, as it was when it was asked first."""
        return everything(self.wanted) if self.run.force else left_of_run(self.run, self.wanted)

    @property
    def is_done(self) -> bool:
        """Whether nothing is."""
        return not self.left

    def planned(self, ablations: Mapping[str, Any]) -> PlannedRun:
        """What the plan says of it. `ablations`: the files, whole, by name."""
        run = self.run
        contexts = {
            place.ablation: run.context(factors_of(ablations.get(place.ablation, {}), run.model.class_name))
            for place in run.memberships
        }
        return PlannedRun(
            model=run.name,
            class_name=run.model.class_name,
            variant=run.variant if run.memberships else None,
            scale=run.scale,
            seed=run.seed,
            config_hash=run.config_hash,
            overrides=run.fixing_overrides,
            memberships=run.memberships,
            contexts=contexts or {"": run.context([])},
            params=self.params,
            wanted=self.wanted,
            degradation=run.data.degradation.facts if run.data.degradation else (),
        )
