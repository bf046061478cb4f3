"""What the scores of a data set rest on, as a value: two scores compare where their certificates say so."""

from collections.abc import Hashable
from dataclasses import dataclass, field, replace

from srbench.core.pixel_format import RGB8, PixelFormat
from srbench.data.lr_source import LrSource
from srbench.evaluation.settings import Inference
from srbench.metrics.protocol import Protocol


@dataclass(frozen=True)
class Certificate:
    """`images`: their number. `hr_sha256` and `lr_sha256`: the `pixel_digest` of HR and, where LR files are read, of
    these; None in records of before digests were written. `weights_sha256`: of the network's weights, None for a
    network without any. `tiled`: an image or more ran in tiles. `form`: of the images; None in older records. `code`:
    digests of the user's own classes that the network ran by, by their places; empty in older records."""

    protocol: Protocol
    lr: LrSource
    images: int
    hr_sha256: str | None
    lr_sha256: str | None
    weights_sha256: str | None
    inference: Inference
    tiled: bool
    form: PixelFormat | None = None
    code: dict[str, str] = field(default_factory=dict, hash=False)

    @property
    def pixels(self) -> Hashable:
        """Equal for scores of the same pixels under the same protocol: such scores may share a column."""
        # Equal pixels are equal LR, whatever was recognised in them.
        lr = replace(self.lr, recognised=None, mixed=False) if self.lr_sha256 else self.lr
        return self.protocol, self.images, self.hr_sha256, self.lr_sha256, lr, self.inference.self_ensemble

    @property
    def told_tiles(self) -> str:
        """ "run in tiles", with their size where somebody chose it; "" where none of the images did."""
        if not self.tiled:
            return ""
        chosen = self.inference.tile != "auto"
        size = f" of {self.inference.tile} pixels of LR that overlap by {self.inference.overlap}" if chosen else ""
        return f"run in tiles{size}"

    @property
    def told_form(self) -> str:
        """ " of 16 bits, 1 channel"; "" of 8 bits in RGB, as nearly all are."""
        return f" of {self.form.name}" if self.form not in (None, RGB8) else ""

    @property
    def told_protocol(self) -> str:
        """The protocol with what it stands for, for people."""
        return f"{self.protocol}{', self-ensemble ×8' if self.inference.self_ensemble else ''}"

    def __str__(self) -> str:
        """`y (luma, border scale), 5 images (LR: file by matlab-replicate), HR 5eeecb039e98, LR 4355cdb7bcc0`; or
        `5 images of 16 bits, 1 channel`."""
        named = {"HR": self.hr_sha256, "LR": self.lr_sha256}
        digests = [f"{name} {digest[:12]}" for name, digest in named.items() if digest]
        return ", ".join([self.told_protocol, f"{self.images} images{self.told_form} (LR: {self.lr})", *digests])
