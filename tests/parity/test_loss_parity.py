"""The losses and their gradients are those of RazinAleksandr/ISR_Task_2023, where it has them."""

import numpy as np
import pytest
import torch

from srbench.recipes.losses import FFT, L1, L2, AmplitudePhase, Charbonnier, Edge, EdgeAsPublished

CASES = {
    "l1_mean": (L1(), 1),
    "l1_sum": (L1(reduction="sum"), 1),
    "mse_mean": (L2(), 1),
    "charbonnier_eps1e-12_mean": (Charbonnier(), 1),
    "charbonnier_eps1e-6_mean": (Charbonnier(1e-6), 1),
    "charbonnier_eps1e-3_sum_w0.5": (Charbonnier(1e-3, reduction="sum"), 0.5),
    "fft_w1": (FFT(), 1),
    "fft_w0.05": (FFT(), 0.05),
    "edge_aware_as_implemented": (EdgeAsPublished(), 1),
}


@pytest.fixture(scope="module")
def vectors(parity):
    return parity("losses").arrays


def images(vectors):
    pred, target = (torch.from_numpy(vectors[name]) for name in ("pred", "target"))
    return pred.requires_grad_(), target


@pytest.mark.parametrize("name", CASES)
def test_value_and_gradient_are_the_references(name, vectors):
    (loss, weight), (sr, hr) = CASES[name], images(vectors)
    value = loss(sr, hr) * weight
    value.backward()
    assert value.item() == pytest.approx(vectors[f"out/{name}"], rel=2e-6)
    largest = np.abs(vectors[f"grad/{name}"]).max()
    np.testing.assert_allclose(sr.grad, vectors[f"grad/{name}"], atol=2e-6 * largest, rtol=1e-5)


def test_an_odd_size_is_transformed_as_it_is(vectors):
    sr, hr = (image[..., :17, :19] for image in images(vectors))
    assert (0.05 * FFT()(sr, hr)).item() == pytest.approx(vectors["out/fft_w0.05_odd17x19"], rel=2e-6)


def test_a_map_of_weights_counts_once_a_channel(vectors):
    sr, hr = images(vectors)
    weights = torch.from_numpy(vectors["weight"])
    value = L1()(sr, hr, weights)
    value.backward()
    assert value.item() == pytest.approx(vectors["out/l1_mean_weighted"], rel=2e-6)
    np.testing.assert_allclose(sr.grad, vectors["grad/l1_mean_weighted"], atol=1e-9, rtol=1e-5)
    assert L1()(sr, hr, weights.expand_as(sr)).item() == pytest.approx(value.item(), rel=1e-6)


def test_edges_are_the_references_and_their_loss_has_a_gradient(vectors):
    (sr, hr), edge = images(vectors), Edge()
    for image, name in ((sr, "edges_pred"), (hr, "edges_target")):
        np.testing.assert_allclose(edge.edges(image)[:, 0].detach(), vectors[name], atol=2e-6)
    value = edge(sr, hr)
    value.backward()
    assert value.item() == pytest.approx(vectors["derived/edge_l1_mean"], rel=2e-6)
    small = [image.detach()[:1, :, :5, :6].double() for image in (sr, hr)]
    assert torch.autograd.gradcheck(edge.double(), (small[0].requires_grad_(), small[1]))


def test_flat_images_leave_a_finite_gradient():
    sr, hr = torch.full((1, 3, 8, 8), 0.5, requires_grad=True), torch.rand(1, 3, 8, 8)
    Edge()(sr, hr).backward()
    assert sr.grad.isfinite().all()


def test_amplitude_and_phase_are_as_derived(vectors):
    sr, hr = images(vectors)
    amplitude = AmplitudePhase(phase=0)(sr, hr)
    assert amplitude.item() == pytest.approx(vectors["derived/fft_amplitude_l1"], rel=2e-6)
    phase = AmplitudePhase(phase=1)(sr, hr) - amplitude
    assert phase.item() == pytest.approx(vectors["derived/fft_phase_l1_wrapped"], rel=1e-4)
    (amplitude + phase).backward()
    assert sr.grad.isfinite().all()
