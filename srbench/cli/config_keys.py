"""The keys of the config that verbs hand on to it, with what they mean."""

from srbench.cli.arguments import ConfigKey

OF_WEIGHTS = "$SRBENCH_WEIGHTS, else ~/.cache/srbench/weights"

CHECKPOINT_KEY = ConfigKey("checkpoint", "FILE", "the network's weights: a published name, or a file")
DEFAULT_MODEL_KEY = ConfigKey("model", "NAME", "a network, by its name in conf/model", default="carn")
MODEL_KEY = ConfigKey("model", "NAME", "a network, by its name in conf/model", required=True)
CHECKED_MODEL_KEY = ConfigKey("model", "NAME", "the network to check, by its name in conf/model")
RANKING_MODEL_KEY = ConfigKey("model", "NAME", "the network that ranks, by its name in conf/model")
OF_MODEL_KEY = ConfigKey("model.KEY", "VALUE", "an argument of the network; +model.KEY= for one that its preset lacks")
SCALE_KEY = ConfigKey("scale", "N", "the network's scale", default="2")
DEVICE_KEY = ConfigKey("device", "auto|cpu|cuda|cuda:N|mps", "where the network runs", default="auto")
LIMIT_KEY = ConfigKey("max_megapixels", "N", "larger images are neither read nor written", default="1000")
THREADS_KEY = ConfigKey("threads", "auto|N", "threads that the network runs with", default="auto")
WEIGHTS_KEY = ConfigKey("weights_dir", "DIR", "where weights are looked for by name", default=OF_WEIGHTS)

DATA_ROOT_KEY = ConfigKey("data_root", "DIR", "where data lie", default="$SRBENCH_DATA, else data")

TILE_KEY = ConfigKey(
    "tile", "auto|null|N", "the largest side of a tile, in pixels of LR; null: never any", default="auto", group="eval."
)
OVERLAP_KEY = ConfigKey("overlap", "N", "of tiles, in pixels of LR", default="64", group="eval.")
MEMORY_KEY = ConfigKey(
    "memory_gb", "GB", "what one pass may take before an image is cut into tiles", default="2", group="eval."
)
SELF_ENSEMBLE_KEY = ConfigKey(
    "self_ensemble", "true|false", "the mean over the eight flips and rotations", default="false", group="eval."
)
