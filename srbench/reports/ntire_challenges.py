"""NTIRE's challenges on efficient super-resolution, by year: how they ranked networks at ×4, and against which."""

from collections.abc import Mapping
from dataclasses import dataclass

SCALE = 4
DECIMALS = 2  # of a PSNR that is held against a floor, as the challenges print them
# In RGB, border = scale; the same in both years. The HR images of the test part are not published.
FLOORS = {"div2k_lsdir_valid": 26.90, "div2k_lsdir_test": 26.99}
PUBLIC = "div2k_lsdir_valid"


@dataclass(frozen=True)
class Challenge:
    """`weights`: of the exponentials, by cost; `network`: the class of its own baseline, of `flops` (G, of a 256×256
    input) and `params` (M) as it prints them, and of `latency_ms` on its GPU; `add`: what has srbench measure that
    network, "" where it has none."""

    year: int
    weights: Mapping[str, float]
    network: str
    flops: float
    params: float
    latency_ms: float
    source: str
    add: str = ""

    @property
    def baseline(self) -> str:
        """For people."""
        return f"{self.network} of {self.params} M parameters"

    @property
    def formula(self) -> str:
        """Of t, F and P, for people."""
        t, f, p = self.weights.values()
        return f"{t:g}·exp(2·t/t0) + {f:g}·exp(2·F/F0) + {p:g}·exp(2·P/P0) of latency, FLOPs 256² and params"


CHALLENGES = {
    str(one.year): one
    for one in (
        Challenge(
            year=2025,
            weights={"latency_ms": 0.7, "flops_256": 0.15, "params": 0.15},
            network="EFDN",
            flops=16.70,
            params=0.276,
            latency_ms=16.69,
            source="Ren et al., CVPR Workshops 2025",
        ),
        Challenge(
            year=2026,
            weights={"latency_ms": 0.8, "flops_256": 0.1, "params": 0.1},
            network="SPAN",
            flops=9.83,
            params=0.151,
            latency_ms=7.74,
            source="Amazingren/NTIRE2026_ESR",
            add="model=span_ntire scale=4",
        ),
    )
}
OF_MODELS = CHALLENGES["2025"]  # whose weights a score against a model of the table has


def told_ntire_score(asked: str) -> str:
    """What the score is, for people; `asked`: a year, or a model of the table."""
    challenge = CHALLENGES.get(asked)
    if challenge is None:
        return (
            f"{OF_MODELS.formula}, against {asked} at the same scale, with the weights of NTIRE {OF_MODELS.year} "
            f"({OF_MODELS.source}); the challenge's own baseline is {OF_MODELS.network} and its machine a GPU, so "
            "values compare only within this table"
        )
    floors = " or ".join(f"{floor:.{DECIMALS}f} dB on {name}" for name, floor in FLOORS.items())
    return (
        f"{challenge.formula}, as NTIRE {challenge.year} ranked ({challenge.source}), at ×{SCALE}: F0 = "
        f"{challenge.flops:.2f} G and P0 = {challenge.params} M are those of its baseline, {challenge.network}; t0 is "
        f"the latency of that network in this table, not the challenge's {challenge.latency_ms} ms, which are of its "
        f"GPU (NVIDIA RTX A6000), so values compare only within this table; not ranked is what has less than {floors} "
        "(RGB, border = scale; the HR images of the test part are not public)"
    )
