"""Training batches of patches whose LR is degraded anew at every step, as `data.degradation` says."""

from pathlib import Path

import numpy as np
import torch

from srbench.data.chains import Degradation
from srbench.data.patches import Batch, Patches


class DegradedPatches(Patches):
    """Patches whose LR went through `degradation` after cropping and turning, as in the ISR_Task_2023 slides' code.

    LR is uint8 or float32 on 0–255. Where the degradation shrinks, LR is made from the crop of HR.
    """

    def __init__(
        self, files: list[Path], scales: tuple[int, ...], batch_size: int, hr_patch: int, seed: int, chain: Degradation
    ) -> None:
        super().__init__(files, scales, batch_size, hr_patch, seed)
        self.chain = chain

    def batch(self, step: int) -> Batch:
        """The batch of `step` (0, 1, …): the crops of Patches, noise that depends on (seed, step) too."""
        clean = super().batch(step)
        random = np.random.default_rng((self.seed, step, 1))  # 1: other numbers than those that chose the crops
        images = clean.hr if self.chain.shrinks else clean.lr
        lr = np.stack([self.chain(image, clean.scale, random) for image in images.numpy()])
        return clean._replace(lr=torch.from_numpy(lr))
