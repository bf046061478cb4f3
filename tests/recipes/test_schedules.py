"""Schedules at given steps: torch's, and BasicSR's formulas."""

from functools import partial
from math import cos, pi

import pytest
import torch

from srbench.recipes.schedules import constant, cosine, multistep, restarts, warmup


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


def test_restarts_fall_by_half_a_cosine_in_each_period_from_its_share_of_the_learning_rate():
    """BasicSR's CosineAnnealingRestartLR, whose periods end with the update at which the next ones begin."""
    found = rates(partial(restarts, periods=[4, 3, 9], weights=[1.0, 0.5, 0.25], eta_min=0.1), 10)

    def falling(t, period, weight):
        return 0.1 + weight * 0.5 * (0.4 - 0.1) * (1 + cos(pi * t / period))

    expected = [falling(t, 4, 1) for t in range(5)]
    expected += [falling(t, 3, 0.5) for t in range(1, 4)]
    expected += [falling(t, 9, 0.25) for t in range(1, 4)]
    assert found == pytest.approx(expected)
    assert found[4] == found[7] == pytest.approx(0.1)


def test_one_period_is_the_cosine():
    assert rates(partial(restarts, periods=[8], weights=[1.0], eta_min=0.1), 8) == pytest.approx(
        rates(partial(cosine, eta_min=0.1), 8)
    )


@pytest.mark.parametrize(
    ("periods", "weights", "sentence"),
    [
        ([4, 5], [1.0, 0.5], r"periods \[4, 5\] end after 9 of the stage's 10 updates"),
        ([10], [1.0, 0.5], "each period, from 1 on, needs one"),
        ([], [], "each period, from 1 on, needs one"),
        ([10, 0], [1.0, 0.5], "each period, from 1 on, needs one"),
    ],
)
def test_periods_that_do_not_cover_the_stage_are_refused(periods, weights, sentence):
    with pytest.raises(ValueError, match=sentence):
        rates(partial(restarts, periods=periods, weights=weights), 10)


SCHEDULES = [
    cosine,
    constant,
    partial(multistep, milestones=[2, 4], gamma=0.5),
    partial(restarts, periods=[3, 4], weights=[1.0, 0.5]),
]


@pytest.mark.parametrize("after", SCHEDULES)
@pytest.mark.parametrize("updates", [1, 4])
def test_a_warm_up_rises_linearly_and_then_the_schedule_begins(after, updates):
    rising = [0.4 * k / updates for k in range(1, updates + 1)]
    assert rates(partial(warmup, updates=updates, after=after), updates + 6) == pytest.approx(
        [*rising, *rates(after, 6)]
    )


@pytest.mark.parametrize("updates", [0, 10, 11])
def test_a_warm_up_that_leaves_nothing_of_the_stage_is_refused(updates):
    with pytest.raises(ValueError, match=f"warm-up of {updates} updates; it must be from 1 to less than the stage's"):
        rates(partial(warmup, updates=updates, after=cosine), 10)


@pytest.mark.parametrize("stop", [2, 5, 7])
def test_a_warm_up_and_its_schedule_go_on_where_they_stopped(stop):
    schedule = partial(warmup, updates=4, after=SCHEDULES[3])
    whole = rates(schedule, 10)
    states = []
    for begun in (0, stop):
        optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=0.4)
        scheduler = schedule(optimizer, 10)
        if begun:
            optimizer.load_state_dict(states[0])
            scheduler.load_state_dict(states[1])
        found = []
        for _ in range(begun, stop if not begun else 10):
            found.append(optimizer.param_groups[0]["lr"])
            optimizer.step()
            scheduler.step()
        states = [optimizer.state_dict(), scheduler.state_dict()]
    assert found == whole[stop:10]
