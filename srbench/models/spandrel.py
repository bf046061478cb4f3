"""`model=spandrel checkpoint=FILE`: any network that the package spandrel recognises from its weights.

spandrel (chaiNNer-org, MIT) is the optional extra srbench[zoo]; the networks in it have licences of their own.
"""

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from srbench.core.errors import UserError
from srbench.models.hub import at_hand
from srbench.models.traits import Traits
from srbench.models.weights import read_weights


class Spandrel(nn.Module):
    """(N, 3, H, W) in [0, 1] → (N, 3, sH, sW) in [0, 1]: the network of a file of weights, padded as spandrel says.

    Raises UserError without the package, and for a file that it does not recognise, that is not of a network from RGB
    to RGB, or that is of another scale.
    """

    def __init__(self, checkpoint: str | None, weights_dir: str, scale: int) -> None:
        super().__init__()
        try:
            from spandrel import ImageModelDescriptor, ModelLoader, UnsupportedModelError
        except ImportError:
            raise UserError("model=spandrel: needs the package; install it with: pip install 'srbench[zoo]'") from None
        path = at_hand(checkpoint, weights_dir, scale) if checkpoint else None
        if path is None:
            raise UserError("model=spandrel: gets its network from a file; give checkpoint=FILE")
        try:
            with torch.device("cpu"):  # a plan builds on the meta device, where weights could not be looked at
                found = ModelLoader().load_from_state_dict(read_weights(path))
        except UnsupportedModelError:
            raise UserError(f"checkpoint={path}: spandrel recognises no network in these weights") from None
        if not isinstance(found, ImageModelDescriptor) or (found.input_channels, found.output_channels) != (3, 3):
            raise UserError(f"checkpoint={path}: {found.architecture.name} does not take RGB to RGB")
        if found.scale != scale:
            raise UserError(f"checkpoint={path}: {found.architecture.name} is of scale={found.scale}, not {scale}")
        self.scale = scale
        self.traits = Traits(smallest_input=max(1, found.size_requirements.minimum))
        self.network, self.found = found.model, found

    def from_published(self, weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """The weights that the constructor has loaded from the same file under the network's names."""
        return self.state_dict()

    def forward(self, lr: Tensor) -> Tensor:
        # The package's wrapper pads and clips, but lets no gradient through.
        sr: Tensor = self.network(lr) if self.training else self.found(lr)
        return sr
