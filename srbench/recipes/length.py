"""How long a stage of a training is: read without torch, as a plan is made of it."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Length:
    """`steps` batches of `batch_size` patches of `hr_patch` HR pixels; validation at each `val_every` (0: never)."""

    steps: int
    batch_size: int
    hr_patch: int
    val_every: int

    def validates_at(self, step: int) -> bool:
        """Whether the model is validated after `step`; not after the last, when it is evaluated anyway."""
        return self.val_every > 0 and step % self.val_every == 0 and step < self.steps

    def stop_after(self, step: int) -> int:
        """The first step after `step` that is the last or the model is validated after."""
        return min(self.steps, (step // self.val_every + 1) * self.val_every) if self.val_every else self.steps
