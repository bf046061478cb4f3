"""The relativistic losses are those of NeonSky/computer-vision-MESRGAN: sums, not halved."""

import pytest
import torch
import torch.nn.functional as F

from srbench.recipes.adversarial import Hinge, RelativisticAverage, Vanilla


@pytest.fixture(scope="module")
def answers(parity):
    vectors = parity("losses")
    return vectors, vectors["d_real"], vectors["d_fake"]


def test_the_relativistic_losses_are_the_references(answers):
    vectors, real, fake = answers
    loss = RelativisticAverage()
    assert loss.of_generator(real, fake).item() == pytest.approx(vectors["out/ragan_generator"].item(), rel=1e-6)
    assert loss.of_discriminator(real, fake).item() == pytest.approx(
        vectors["out/ragan_discriminator"].item(), rel=1e-6
    )


def test_the_vanilla_losses_are_torchs_cross_entropies(answers):
    _, real, fake = answers
    ones = torch.ones_like(real)
    expected = F.binary_cross_entropy_with_logits(fake, ones)
    torch.testing.assert_close(Vanilla().of_generator(real, fake), expected)
    expected = F.binary_cross_entropy(real.sigmoid(), ones) + F.binary_cross_entropy(fake.sigmoid(), 0 * ones)
    torch.testing.assert_close(Vanilla().of_discriminator(real, fake), expected)


def test_the_hinge_counts_up_to_its_margin():
    real, fake = torch.tensor([[2.0], [0.5]]), torch.tensor([[-3.0], [1.0]])
    assert Hinge().of_discriminator(real, fake) == (0 + 0.5) / 2 + (0 + 2.0) / 2
    assert Hinge().of_generator(real, fake) == 1.0
