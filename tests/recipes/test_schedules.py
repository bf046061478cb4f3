from functools import partial

import pytest
import torch

from srbench.recipes.schedules import constant, cosine, multistep


def rates(schedule, steps):
    """The learning rate of each update."""
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=0.4)
    scheduler = schedule(optimizer, steps)
    found = []
    for _ in range(steps):
        found.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        scheduler.step()
    return [*found, optimizer.param_groups[0]["lr"]]


def test_cosine_falls_by_half_a_cosine_over_all_steps():
    assert rates(cosine, 4) == pytest.approx([0.4, 0.4 * 0.85355339, 0.2, 0.4 * 0.14644661, 0.0])
    assert rates(partial(cosine, eta_min=0.2), 4)[2:] == pytest.approx([0.3, 0.2 + 0.2 * 0.14644661, 0.2])


def test_multistep_multiplies_at_each_milestone():
    assert rates(partial(multistep, milestones=[2, 3], gamma=0.5), 4) == pytest.approx([0.4, 0.4, 0.2, 0.1, 0.1])


def test_constant_stays():
    assert rates(constant, 7) == [0.4] * 8
