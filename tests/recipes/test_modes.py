import pytest
from torch import nn

from srbench.recipes.modes import as_found


class Scaled(nn.Sequential):
    scale = 7  # of the class: nothing that evaluation could have set


def model():
    made = Scaled(nn.Conv2d(3, 3, 1), nn.Sequential(nn.BatchNorm2d(3), nn.Dropout()))
    made[1].eval()
    made[1].scale = 2
    made[0].bias.requires_grad_(False)
    return made


def state(model):
    modes = [module.training for module in model.modules()]
    return modes, model[1].scale, [weight.requires_grad for weight in model.parameters()], "scale" in vars(model)


def change(model, mode):
    with as_found(model):
        model.train(mode)
        model.requires_grad_(mode)
        model[1].scale = 3
        raise ZeroDivisionError


@pytest.mark.parametrize("mode", [True, False])
def test_modes_scales_and_what_is_trained_are_put_back_after_a_failure_too(mode):
    changed = model()
    before = state(changed)
    with pytest.raises(ZeroDivisionError):
        change(changed, mode)
    assert state(changed) == before
