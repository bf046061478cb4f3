"""The files of conf/ablation and of sweeps: read, checked, and turned into overrides."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hydra.core.override_parser.types import Override, Quote, QuotedString

from srbench.core.errors import UserError
from srbench.core.paths import conf_folder
from srbench.core.suggest import did_you_mean
from srbench.experiments.claim_files import check_variants, parse_claims
from srbench.experiments.published_files import parse_published
from srbench.experiments.spelling import spelled_name
from srbench.experiments.store.published_figures import PublishedRuns
from srbench.experiments.store.record import Membership
from srbench.experiments.store.stated_claims import StatedClaim
from srbench.experiments.study_files import read_study_file
from srbench.experiments.zipped_keys import ZIP

ABLATION_KEYS = ("title", "question", "source", "applies_to", "claims")
APPLIES_KEYS = ("baseline", "variants")
SWEEP_KEYS = (*("title", "question", "source", "overrides", "runs", "baseline", "at_hand", "claims", "published"),)
RENAMED = {"waifu2x_study": "carn_study"}  # sweeps


@dataclass(frozen=True)
class Ablation:
    """One file of conf/ablation. `content` is the whole file; `applies_to`: class or `any` → baseline and variants."""

    name: str
    content: dict[str, Any]
    claims: tuple[StatedClaim, ...]

    @property
    def applies_to(self) -> dict[str, Any]:
        """By class name: {baseline: name, variants: {name: {factor: value}}}."""
        applies: dict[str, Any] = self.content["applies_to"]
        return applies

    def variants(self, class_name: str) -> dict[str, dict[str, Any]]:
        """The variants for a model of that class, the baseline first; empty where the ablation does not apply."""
        part = self.applies_to.get(class_name) or self.applies_to.get("any")
        if part is None:
            return {}
        return dict(sorted(part["variants"].items(), key=lambda item: item[0] != part["baseline"]))

    def membership(self, class_name: str, variant: str) -> Membership:
        """Of that variant."""
        part = self.applies_to.get(class_name) or self.applies_to["any"]
        return Membership(self.name, variant, variant == part["baseline"])


def parse_ablation(name: str, content: Any) -> Ablation:
    """The ablation that a file's content describes. Raises UserError for a file that is not one."""
    where = f"ablation={name}"
    if not isinstance(content, dict) or not isinstance(content.get("applies_to"), dict):
        raise UserError(f"{where}: its file lacks applies_to: {{CLASS: {{baseline: …, variants: {{…}}}}}}")
    _check_keys(where, content, ABLATION_KEYS)
    for class_name, part in content["applies_to"].items():
        variants = part.get("variants") if isinstance(part, dict) else None
        if not isinstance(variants, dict) or not all(isinstance(factors, dict) for factors in variants.values()):
            raise UserError(f"{where}: applies_to.{class_name}.variants must map each variant to its factors")
        if part.get("baseline") not in list(variants):  # it may be anything
            raise UserError(f"{where}: applies_to.{class_name}.baseline is none of {', '.join(map(str, variants))}")
        _check_keys(f"{where}: applies_to.{class_name}", part, APPLIES_KEYS)
        for variant, factors in variants.items():
            _refuse_nested(f"{where}: variants.{variant}", factors)
    claims = parse_claims("ablation", name, content.get("claims"))
    check_variants(claims, {variant for part in content["applies_to"].values() for variant in part["variants"]})
    return Ablation(name, content, claims)


@dataclass(frozen=True)
class SavedSweep:
    """One file of sweeps: `overrides` for every run, `runs` with overrides of their own by name; `content` is the whole
    file. With `at_hand: true` in it, runs whose weights are not there are left out."""

    name: str
    content: dict[str, Any]
    overrides: list[str]
    runs: dict[str, list[str]]
    claims: tuple[StatedClaim, ...]
    published: PublishedRuns | None

    @property
    def baseline(self) -> str | None:
        """The run that the others are compared with: the first, unless the file says `baseline: null`."""
        baseline: str | None = self.content.get("baseline", next(iter(self.runs), None))
        return baseline


def load_sweep(name: str, folders: list[Path]) -> SavedSweep:
    """The sweep `name`.yaml of the first of `folders` that has it. UserError, naming what there is, if none has."""
    found = next((folder / f"{name}.yaml" for folder in folders if (folder / f"{name}.yaml").is_file()), None)
    if found is None and name in RENAMED:
        raise UserError(f"sweep={name}: is called {RENAMED[name]} now")
    if found is None:
        names = {file.stem for folder in folders for file in folder.glob("*.yaml")}
        raise UserError(f"sweep={name}: no such sweep{did_you_mean(name, names)}")
    content = read_study_file(found)
    overrides = content.get("overrides") or {} if isinstance(content, dict) else None
    runs = content.get("runs") or {} if isinstance(content, dict) else None
    if not isinstance(overrides, dict) or not isinstance(runs, dict):
        raise UserError(f"{found}: not a sweep: overrides and runs must map keys to values")
    _check_keys(f"sweep={name}", content, SWEEP_KEYS)
    _refuse_nested(f"{found}: overrides", overrides)
    for run, factors in runs.items():
        if not isinstance(factors, dict):
            raise UserError(f"{found}: runs.{run} must map keys to values, or be {{}}")
        _refuse_nested(f"{found}: runs.{run}", factors)
    if content.get("baseline") is not None and content["baseline"] not in list(runs):
        raise UserError(f"{found}: baseline is none of the runs ({', '.join(runs) or 'there are none'})")
    return SavedSweep(
        name,
        content,
        [as_override(key, value, swept=key != ZIP) for key, value in overrides.items()],
        {str(run): [as_override(key, value) for key, value in factors.items()] for run, factors in runs.items()},
        parse_claims("sweep", name, content.get("claims")),
        parse_published(f"sweep={name}", content.get("published"), runs, found.parent),
    )


def _check_keys(where: str, given: dict[str, Any], known: tuple[str, ...]) -> None:
    for key in given:
        if key not in known:
            raise UserError(f"{where}: no such key {key}{did_you_mean(key, known)}")


def _refuse_nested(where: str, factors: dict[Any, Any]) -> None:
    """Keys of a group below its name, as in a config: on a command line they would be the group's choice."""
    for group, keys in factors.items():
        if isinstance(keys, dict) and (conf_folder() / str(group)).is_dir():
            told = ", ".join(f"{group}.{key}: …" for key in keys) or f"{group}.KEY: …"
            raise UserError(f"{where}.{group}: keys stand with their group's name before them: {told}")


def as_override(key: str, value: Any, swept: bool = False) -> str:
    """`key=value` in Hydra's grammar; with `swept`, a list is a choice sweep: `seed=0,1,2`."""
    if swept and isinstance(value, list):
        return f"{key}={','.join(_spelled(v) for v in value)}"
    return f"{key}={_spelled(value)}"


def _spelled(value: Any) -> str:
    return Override._get_value_element_as_str(_quoted(value))


def _quoted(value: Any) -> Any:
    if isinstance(value, str):
        return value if spelled_name(value) == value else QuotedString(value, Quote.single)
    if isinstance(value, dict):
        return {key: _quoted(entry) for key, entry in value.items()}
    return [_quoted(entry) for entry in value] if isinstance(value, list) else value
