"""Why a figure is missing, as a value."""

from dataclasses import dataclass
from typing import Literal

Kind = Literal["weights", "package", "memory", "image", "network", "operator", "unknown"]

OF_THE_MACHINE = ("weights", "package", "memory")  # what may be there the next time


@dataclass(frozen=True)
class Missing:
    """`what`: a metric, a metric of one data set (`set5.niqe`), or a cost (`flops`). `kind`: `weights` or a `package`
    are not on this machine; its GPU had too little `memory`; the `image` is not fit for it; the `network` has none, or
    cannot be counted; an `operator` is in no table; `unknown` in records of before kinds were written. `reason`: one
    sentence for people."""

    what: str
    kind: Kind
    reason: str

    @property
    def may_come(self) -> bool:
        """Whether the machine lacks something that may be there the next time."""
        return self.kind in OF_THE_MACHINE
