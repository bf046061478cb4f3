"""How fast the networks run: python -m benchmarks.inference [NETWORK ...]

One LR image of 128×128 in float32 on one thread, in turns: the network as srbench runs it (channels_last), in NCHW, as
torch.compile makes it, and written straight from its paper where that is another code (one tile or sub-image at a time,
windows unfolded, a normalisation written out). Printed are medians, and the median ratio of each to srbench's; above 1
srbench is faster. Straight and compiled forms give the same picture to 1e-4, or the benchmark stops.
"""

import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from statistics import median
from time import perf_counter
from typing import Any
from unittest.mock import patch

import torch
from torch import Tensor, nn

from benchmarks.measured import Note, command, measuring
from srbench.models import mdrn
from srbench.models.carn import CARN
from srbench.models.classsr import ClassSR
from srbench.models.edsr import EDSR
from srbench.models.esrgan import ESRGAN
from srbench.models.fsrcnn import FSRCNN
from srbench.models.gfmn import GFMN
from srbench.models.layers.layer_norm import LayerNorm
from srbench.models.mdrn import MDRN
from srbench.models.mesrgan import MESRGAN
from srbench.models.mossnet import MossNet
from srbench.models.safmn import SAFMN
from srbench.models.safmn_ntire import SAFMNForNTIRE
from srbench.models.srgan import SRGAN
from srbench.models.srresnet import SRResNet

SIZE = 128
SECONDS = 8.0  # of all forms of a network together, or as many repeats as are asked for


def unfolded_variance(x: Tensor) -> Tensor:
    """The variance of 7×7 windows from the windows themselves."""
    return x.unfold(2, 7, 3).unfold(3, 7, 3).var((-2, -1))


def written_out(norm: LayerNorm, x: Tensor) -> Tensor:
    """The normalisation as the published SAFMN has it."""
    mean = x.mean(1, keepdim=True)
    variance = (x - mean).square().mean(1, keepdim=True)
    return norm.weight[:, None, None] * ((x - mean) / (variance + norm.eps).sqrt()) + norm.bias[:, None, None]


def one_sub_image_at_a_time(net: ClassSR, windows: Tensor) -> Tensor:
    """As the published test, which loops over sub-images."""
    sub_images = windows.flatten(0, 1).split(1)
    outputs = [net.branches[int(net.choose(sub_image))](sub_image) for sub_image in sub_images]
    output: Tensor = torch.cat(outputs).unflatten(0, windows.shape[:2])
    return output


def one_tile_at_a_time(net: MossNet, tiles: Tensor, context: Tensor) -> Tensor:
    """Tile by tile through the U-Net."""
    pairs = zip(tiles.split(1), context.split(1), strict=True)
    return torch.cat([net.unet(net.init(torch.cat(pair, dim=1))) for pair in pairs])


NETWORKS: dict[str, tuple[Callable[[], nn.Module], Any]] = {
    "carn": (lambda: CARN(scale=4), None),
    "mossnet": (lambda: MossNet(), patch.object(MossNet, "residual", one_tile_at_a_time)),
    "mdrn": (lambda: MDRN(scale=4), patch.object(mdrn, "window_variance", unfolded_variance)),
    "safmn": (lambda: SAFMN(scale=4), patch.object(LayerNorm, "forward", written_out)),
    "safmn_ntire": (lambda: SAFMNForNTIRE(scale=4), None),
    "gfmn": (lambda: GFMN(scale=4), patch.object(LayerNorm, "forward", written_out)),
    "fsrcnn": (lambda: FSRCNN(), None),
    "srresnet": (lambda: SRResNet(scale=4), None),
    "edsr": (lambda: EDSR(scale=4), None),
    "srgan": (lambda: SRGAN(), None),
    "esrgan": (lambda: ESRGAN(), None),
    "mesrgan": (lambda: MESRGAN(expansion=1), None),
    "classsr": (
        lambda: ClassSR([FSRCNN(d=16), FSRCNN(d=36), FSRCNN(d=56)]),
        patch.object(ClassSR, "super_resolve", one_sub_image_at_a_time),
    ),
}


@contextmanager
def form(straight: Any) -> Iterator[None]:
    with straight or nullcontext():
        yield


def timed(model: Callable[[Tensor], Tensor], lr: Tensor, straight: Any = None) -> float:
    with form(straight):
        began = perf_counter()
        model(lr)
        return perf_counter() - began


def compare(name: str, fewest: int, note: Note) -> None:
    make, straight = NETWORKS[name]
    torch.manual_seed(0)
    net = make().eval()
    plain = make().eval()
    plain.load_state_dict(net.state_dict())
    net = net.to(memory_format=torch.channels_last)
    lr = torch.rand(1, 3, SIZE, SIZE)
    forms: dict[str, tuple[Callable[[Tensor], Tensor], Any]] = {"NCHW": (plain, None)}
    if straight:
        forms["straight"] = (plain, straight)
    if name != "classsr":  # whose shapes depend on the image
        forms["compiled"] = (torch.compile(net), None)
    expected = net(lr)
    for other, (model, straight) in forms.items():
        with form(straight):
            error = (model(lr) - expected).abs().max().item()
        if error > 1e-4:
            raise SystemExit(f"{name}: {other} gives another picture, by {error:.2g}")
    rounds: list[dict[str, float]] = []
    began = perf_counter()
    while len(rounds) < fewest or perf_counter() - began < SECONDS:
        rounds.append({"ours": timed(net, lr)} | {key: timed(model, lr, own) for key, (model, own) in forms.items()})
    note(name, "s", [times["ours"] for times in rounds])
    ratios = {key: median(times[key] / times["ours"] for times in rounds) for key in forms}
    told = "; ".join(f"{key} takes {ratio:.2f} times as long" for key, ratio in ratios.items())
    print(f"{name}: {1000 * median(times['ours'] for times in rounds):.1f} ms; {told}", flush=True)


def main() -> None:
    parser = command(__file__, __doc__, repeats=3)
    parser.add_argument("networks", nargs="*", metavar="NETWORK", help=f"default: all of {', '.join(NETWORKS)}")
    asked = parser.parse_args()
    torch.set_num_threads(1)
    for name in asked.networks:
        if name not in NETWORKS:
            parser.error(f"{name}: no such network; there are {', '.join(NETWORKS)}")
    quiet = warnings.catch_warnings(action="ignore")
    with torch.inference_mode(), quiet, measuring(asked, threads=1) as note:
        for name in dict.fromkeys(asked.networks or NETWORKS):
            compare(name, asked.repeats, note)


if __name__ == "__main__":
    main()
