import pytest
import torch
import torch.nn.functional as F

from srbench.models.layers.bilinear import _weights, bilinear

SIZES = [((4, 6), (9, 16)), ((16, 16), (64, 64)), ((7, 5), (3, 5)), ((1, 2), (5, 2))]


@pytest.mark.parametrize(("before", "after"), SIZES)
def test_the_two_products_are_torch_s_interpolation_and_its_gradient(before, after):
    torch.manual_seed(0)
    features = torch.rand(2, 3, *before, dtype=torch.float64, requires_grad=True)
    expected = F.interpolate(features, size=after, mode="bilinear", align_corners=False)
    (of_torch,) = torch.autograd.grad(expected.square().sum(), features)
    cpu = torch.device("cpu")
    down, right = (_weights(*lengths, cpu).double() for lengths in zip(before, after, strict=True))
    found = down @ features @ right.T
    (ours,) = torch.autograd.grad(found.square().sum(), features)
    assert torch.allclose(found, expected, atol=1e-6)
    assert torch.allclose(ours, of_torch, atol=1e-5)


def test_on_a_cpu_it_is_torch_s_own():
    features = torch.rand(2, 3, 4, 6, requires_grad=True)
    assert torch.equal(bilinear(features, (9, 16)), F.interpolate(features, size=(9, 16), mode="bilinear"))


@pytest.mark.gpu
@pytest.mark.parametrize(("before", "after"), SIZES)
def test_on_a_gpu_it_is_the_same(before, after):
    features = torch.rand(2, 3, *before, device="cuda", requires_grad=True)
    expected = F.interpolate(features, size=after, mode="bilinear", align_corners=False)
    assert torch.allclose(bilinear(features, after), expected, atol=1e-6)
