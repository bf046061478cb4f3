"""Losses of a generator against a discriminator, of what the discriminator answers: logits, (N, 1) or (N, 1, h, w)."""

import torch.nn.functional as F
from torch import Tensor

from srbench.recipes.losses import checked_weight


class AdversarialLoss:
    """`weight`: of the generator's loss beside others. ValueError for one that is no number from 0 on. `needs_real`:
    whether the generator's loss looks at the answers to HR."""

    needs_real = False

    def __init__(self, weight: float = 1.0) -> None:
        self.weight = checked_weight("weight", weight)

    def of_generator(self, real: Tensor | None, fake: Tensor) -> Tensor:
        """A scalar without its `weight`, from the answers to HR and to SR; to HR without a gradient, or None
        where it does not look at them."""
        raise NotImplementedError

    def of_discriminator(self, real: Tensor, fake: Tensor) -> Tensor:
        """A scalar, from the answers to HR and to SR."""
        raise NotImplementedError


class Vanilla(AdversarialLoss):
    """Binary cross entropy: Goodfellow et al., "Generative Adversarial Nets", NeurIPS 2014, with the generator's loss
    that does not saturate, −log D(sr) (§3), as in SRGAN. The discriminator's is the sum for HR and SR."""

    def of_generator(self, real: Tensor | None, fake: Tensor) -> Tensor:
        """As the base says."""
        return F.softplus(-fake).mean()

    def of_discriminator(self, real: Tensor, fake: Tensor) -> Tensor:
        """As the base says."""
        return F.softplus(-real).mean() + F.softplus(fake).mean()


class RelativisticAverage(AdversarialLoss):
    """Whether HR looks more real than SR on average, and SR than HR: Jolicoeur-Martineau, "The Relativistic
    Discriminator", ICLR 2019, eq. 13–14, as in ESRGAN.

    The sum of the two cross entropies, as NeonSky/computer-vision-MESRGAN has it; BasicSR halves it.
    """

    needs_real = True

    def of_generator(self, real: Tensor | None, fake: Tensor) -> Tensor:
        """As the base says."""
        assert real is not None
        return self.of_discriminator(fake, real)

    def of_discriminator(self, real: Tensor, fake: Tensor) -> Tensor:
        """As the base says."""
        return F.softplus(fake.mean() - real).mean() + F.softplus(fake - real.mean()).mean()


class Hinge(AdversarialLoss):
    """Lim and Ye, "Geometric GAN", arXiv 1705.02894: the discriminator's answers count up to a margin of 1."""

    def of_generator(self, real: Tensor | None, fake: Tensor) -> Tensor:
        """As the base says."""
        return -fake.mean()

    def of_discriminator(self, real: Tensor, fake: Tensor) -> Tensor:
        """As the base says."""
        return F.relu(1 - real).mean() + F.relu(1 + fake).mean()
