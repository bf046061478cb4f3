"""What differs between the versions of Hydra that srbench runs on, 1.3 and 1.4."""

from importlib.metadata import version

# Which Hydra's defaults hold: 1.3 wants to be told, and 1.4 not to be.
VERSION_BASE = {"version_base": "1.3"} if version("hydra-core").startswith("1.3.") else {}
