"""Networks that are only read."""

import torch
from torch import nn

from srbench.models.mossnet import MossNet
from srbench.recipes.constants import as_constants


def test_a_constant_network_gives_what_it_gave_and_has_nothing_to_train_or_to_keep():
    torch.manual_seed(0)
    model = MossNet(widths=[8, 8, 8], context="learned").eval()
    model.register_buffer("shift", torch.full((1,), 0.5))
    lr = torch.rand(1, 3, 16, 16)
    with torch.no_grad():
        before = model(lr)
    tensors = len(model.state_dict())
    assert as_constants(model.train()) is model
    assert not any(module.training for module in model.modules())
    assert torch.equal(model(lr), before)
    assert not model(lr).requires_grad
    assert [*model.parameters()] == []
    assert model.state_dict() == {}
    assert len([*model.buffers()]) == tensors
    assert {tensor.dtype for tensor in model.double().buffers()} == {torch.float64}


def test_a_weight_that_two_parts_share_stays_one():
    tied = nn.Sequential(nn.Linear(3, 3, bias=False), nn.Linear(3, 3, bias=False))
    tied[1].weight = tied[0].weight
    first, second = as_constants(tied)
    assert first.weight.data_ptr() == second.weight.data_ptr()
