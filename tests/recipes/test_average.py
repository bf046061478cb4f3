"""The moving average: what torch's AveragedModel computes, and its own arithmetic."""

import pytest
import torch
from torch import nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from srbench.recipes.average import Average


def model():
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8), nn.Conv2d(8, 3, 1))


def changed(model):
    with torch.no_grad():
        for tensor in model.state_dict().values():
            tensor.copy_(torch.rand(tensor.shape) * 100)


def test_it_is_torchs_averaged_model_bit_for_bit():
    trained = model().to(memory_format=torch.channels_last)
    ours, theirs = Average(trained, 0.99), AveragedModel(trained, multi_avg_fn=get_ema_multi_avg_fn(0.99))
    for _ in range(5):
        changed(trained)
        ours.move()
        ours.moved()
        theirs.update_parameters(trained)
        expected = theirs.module.state_dict()
        assert all(torch.equal(tensor, expected[name]) for name, tensor in ours.module.state_dict().items())


def test_the_first_move_copies_and_later_ones_take_their_share():
    trained = nn.Linear(1, 1, bias=False)
    average = Average(trained, 0.75)
    for weight, expected in ((8.0, 8.0), (4.0, 7.0), (3.0, 6.0)):
        nn.init.constant_(trained.weight, weight)
        average.move()
        average.moved()
        assert average.module.weight.item() == expected


def test_a_restored_average_goes_on():
    trained = nn.Linear(1, 1, bias=False)
    average = Average(trained, 0.75)
    nn.init.constant_(trained.weight, 8.0)
    average.move()
    average.moved()
    restored = Average(trained, 0.75)
    restored.load_state_dict(average.state_dict())
    nn.init.constant_(trained.weight, 4.0)
    restored.move()
    restored.moved()
    assert restored.module.weight.item() == 7.0


def test_the_model_itself_is_not_saved_with_its_average():
    trained = model()
    names = set(Average(trained, 0.9).state_dict())
    assert names == {f"module.{name}" for name in trained.state_dict()} | {"_extra_state"}


def test_it_follows_the_optimizer_of_its_model():
    trained, other = model(), model()
    average = Average(trained, 0.9)
    assert average.follows(torch.optim.SGD(trained[0].parameters(), lr=1))
    assert not average.follows(torch.optim.SGD(other.parameters(), lr=1))
    assert not average.follows(torch.optim.SGD(average.module.parameters(), lr=1))


@pytest.mark.parametrize("decay", [-0.1, 1.1])
def test_a_decay_outside_0_to_1_is_refused(decay):
    with pytest.raises(ValueError, match=rf"ema is {decay}"):
        Average(model(), decay)
