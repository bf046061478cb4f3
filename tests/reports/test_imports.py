"""What a report needs: it is made in a second, also where there is no torch."""

import subprocess
import sys

import pytest

HEAVY = ("torch", "lightning", "torchvision", "hydra", "omegaconf", "matplotlib.pyplot", "cv2", "skimage")
STORE = (
    *("codec", "left", "loss_table", "overrides", "plans", "published_figures", "record", "schema_1", "scores"),
    *("stated_claims", "study"),
)
# LR that was degraded is named by the modules that degrade it.
NAMED = "from srbench.data.lr_source import *; print(LrSource(True, steps=(DegradationStep('noise', {}),)).degradation)"


@pytest.mark.parametrize(
    "code",
    [
        "import srbench.reports.write, srbench.reports.terminal",
        "; ".join(f"import srbench.experiments.store.{name}" for name in STORE),
        NAMED,
    ],
    ids=["reports", "store", "degradations"],
)
def test_neither_torch_nor_hydra_is_imported(code):
    program = f"import sys; {code}; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout.split()
    assert "srbench" in loaded
    assert not set(HEAVY) & set(loaded)
