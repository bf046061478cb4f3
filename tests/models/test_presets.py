"""A preset repeats its constructor's defaults, at the scale that is the default, but for the factors that it is made
for. Those of CARN, ClassSR and MossNet say more: their own tests."""

import inspect

import pytest

from srbench.experiments.component import Component
from srbench.models.edsr import EDSR
from srbench.models.esrgan import ESRGAN
from srbench.models.fsrcnn import FSRCNN
from srbench.models.gfmn import GFMN
from srbench.models.mdrn import MDRN
from srbench.models.mesrgan import MESRGAN
from srbench.models.nearest import Nearest
from srbench.models.rcan import RCAN
from srbench.models.safmn import SAFMN
from srbench.models.safmn_ntire import SAFMNForNTIRE
from srbench.models.span import SPAN
from srbench.models.srgan import SRGAN
from srbench.models.srresnet import SRResNet
from tests.presets import preset


@pytest.mark.parametrize(
    ("name", "network", "factors"),
    [
        ("edsr", EDSR, {}),
        ("esrgan", ESRGAN, {}),
        ("fsrcnn", FSRCNN, {}),
        ("gfmn", GFMN, {}),
        ("mdrn", MDRN, {}),
        ("mdrn_s", MDRN, {"width": 28}),
        ("mesrgan", MESRGAN, {}),
        ("mesrgan_t1", MESRGAN, {"expansion": 1}),
        ("nearest", Nearest, {}),
        ("rcan", RCAN, {}),
        ("safmn", SAFMN, {}),
        ("safmn_ntire", SAFMNForNTIRE, {}),
        ("span", SPAN, {}),
        ("span_ntire", SPAN, {"width": 28}),
        ("span_s", SPAN, {"width": 48}),
        ("srgan", SRGAN, {}),
        ("srresnet", SRResNet, {}),
    ],
)
def test_a_preset_repeats_the_constructor_s_defaults(name, network, factors):
    parameters = inspect.signature(network).parameters
    # What data.bits and data.channels say stands in no preset.
    defaults = {key: one.default for key, one in parameters.items() if not key.startswith("image_")}
    found = preset(name, defaults["scale"])
    assert found == Component(f"{network.__module__}.{network.__name__}", {**defaults, **factors})
