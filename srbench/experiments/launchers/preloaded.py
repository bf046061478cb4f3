"""What a run needs, imported by the server that runs are forked from."""

import atexit
import gc

from srbench.core.garbage import no_collections
from srbench.experiments.launchers.server import ends_with_its_command

atexit.register(gc.unfreeze)  # else libraries complain, when the server ends, of what was never collected
with no_collections(), ends_with_its_command():
    import lightning
    import torch

    import srbench.experiments.run

__all__ = ["lightning", "srbench", "torch"]
