"""SRGAN's generator, ×4: Ledig et al., "Photo-Realistic Single Image Super-Resolution Using a Generative Adversarial
Network", CVPR 2017, §2.1.1, as NeonSky/computer-vision-MESRGAN builds it.

Departs from the paper in its colours: they are normalised by the training set's mean and deviation, where the paper has
LR in [0, 1] and SR in [-1, 1]. That code's evaluation leaves batch normalisation in training mode, so its published
scores rest on each test image's own statistics; ours, in eval mode, on the running ones. 1,547,350 parameters.
Initialisation: PyTorch's default.
"""

from torch import Tensor, nn

from srbench.models.layers.normalize import Normalize


class SRGANBlock(nn.Module):
    """x + bn(conv(prelu(bn(conv(x)))))."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv2d(width, width, 3, padding=1, bias=False),
            nn.BatchNorm2d(width),
            nn.PReLU(),
            nn.Conv2d(width, width, 3, padding=1, bias=False),
            nn.BatchNorm2d(width),
        )

    def forward(self, x: Tensor) -> Tensor:
        output: Tensor = self.layers(x).add_(x)
        return output


class SRGAN(nn.Module):
    """(N, 3, H, W) in [0, 1] → (N, 3, 4H, 4W), not clipped. `blocks` residual blocks of `width` channels."""

    def __init__(self, scale: int = 4, blocks: int = 16, width: int = 64) -> None:
        super().__init__()
        if scale != 4:
            raise ValueError(f"SRGAN has no scale {scale}: choose 4, the only one.")
        if min(blocks, width) < 1:
            raise ValueError("blocks and width must be 1 or more.")

        def stage() -> nn.Sequential:
            return nn.Sequential(nn.Conv2d(width, 4 * width, 3, padding=1), nn.PixelShuffle(2), nn.PReLU())

        self.scale = scale
        self.normalize = Normalize()
        self.conv1 = nn.Sequential(nn.Conv2d(3, width, 9, padding=4), nn.PReLU())
        self.rrdbs = nn.Sequential(*(SRGANBlock(width) for _ in range(blocks)))
        self.conv2 = nn.Sequential(nn.Conv2d(width, width, 3, padding=1, bias=False), nn.BatchNorm2d(width))
        self.upsamples = nn.Sequential(stage(), stage())
        self.conv3 = nn.Conv2d(width, 3, 9, padding=4)

    def forward(self, lr: Tensor) -> Tensor:
        return self.normalize.undo(self.generate(self.normalize(lr)))

    def generate(self, lr: Tensor) -> Tensor:
        """The published network: LR → SR, both in standard deviations from the training set's mean."""
        shallow = self.conv1(lr)
        features = self.conv2(self.rrdbs(shallow)).add_(shallow)
        output: Tensor = self.conv3(self.upsamples(features))
        return output
