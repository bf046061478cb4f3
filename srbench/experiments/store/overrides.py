"""The words of a command line, `key=value` in Hydra's grammar: the one place where they are taken apart."""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache

FIX_THE_WEIGHTS = ("model", "scale", "seed", "recipe", "data", "budget", "precision", "checkpoint", "devices")


@dataclass(frozen=True)
class Override:
    """`key`: of the config, `model.atrous`, or of Hydra, `hydra/launcher`; `value`: as written, in Hydra's grammar."""

    key: str
    value: str

    @property
    def root(self) -> str:
        """The key's first part: `recipe` of `recipe.optimizer.lr` and of `recipe/optimizer`."""
        return self.key.replace("/", ".").partition(".")[0]

    @property
    def text(self) -> str:
        """The value without quotation marks around it."""
        return self.value.strip("'\"")

    @property
    def fixes_weights(self) -> bool:
        """Whether the key is one of those that fix a run's weights."""
        return self.root in FIX_THE_WEIGHTS


def given(words: Iterable[str], key: str) -> str:
    """What the words say of a key; "" where they do not, or say null."""
    texts = [one.text for one in map(parse_override, words) if one.key == key]
    return texts[-1] if texts and texts[-1] != "null" else ""


@lru_cache(10_000)  # the runs of a study share most of them
def parse_override(word: str) -> Override:
    """Of `model.atrous=[1,2,1]`, `+data.degradation=noise` (added), `~recipe.ema` (removed: its value is empty) or
    `model@recipe.teacher=edsr` (an option of `model` for the key `recipe.teacher`)."""
    key, _, value = word.lstrip("+~").partition("=")
    group, _, package = key.partition("@")
    return Override(package.removeprefix("_global_.") or group, value)
