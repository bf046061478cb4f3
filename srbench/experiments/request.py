"""What the command line of a grid asks for: overrides by key, ablations, and the runs of a saved sweep."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hydra.core.config_loader import ConfigLoader
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override, QuotedString

from srbench.core.errors import UserError
from srbench.core.paths import sweep_folders
from srbench.core.suggest import did_you_mean
from srbench.experiments.ablations import Ablation, SavedSweep, as_override, load_sweep, parse_ablation
from srbench.experiments.claim_files import Place, are_about, check_rows
from srbench.experiments.spec import RunSpec
from srbench.experiments.spelling import OWN_CLASS
from srbench.experiments.store.published_figures import PublishedRuns
from srbench.experiments.store.record import Membership
from srbench.experiments.store.stated_claims import StatedClaim
from srbench.experiments.study_files import read_study_file
from srbench.experiments.zipped_keys import ZIP, Zips, combinations, read_zips

Words = list[str]


@dataclass(frozen=True)
class Arm:
    """The factors of one variant, and the run's place in the ablation; None in a plain grid."""

    factors: Words
    membership: Membership | None


@dataclass(frozen=True)
class Request:
    """`given`: the overrides of the command line, and of a saved sweep beneath them, by key; `zips`: the keys of it
    whose values go together."""

    given: dict[str, Override]
    ablations: list[Ablation]
    sweep: SavedSweep | None
    zips: Zips = ()

    def bases(self) -> list[Words]:
        """The product of the swept keys, zipped ones as one: each run's words, without an ablation's factors."""
        return list(combinations({key: _words(key, override) for key, override in self.given.items()}, self.zips))

    def arms(self, class_name: str) -> list[Arm]:
        """For a model of that class; empty for a plain grid, and where no ablation applies."""
        arms = []
        if self.sweep:
            for name, factors in self.sweep.runs.items():
                arms.append(Arm(factors, Membership(self.sweep.name, name, name == self.sweep.baseline)))
        for ablation in self.ablations:
            for variant, settings in ablation.variants(class_name).items():
                words = [as_override(key, value) for key, value in settings.items()]
                arms.append(Arm(words, ablation.membership(class_name, variant)))
        return arms

    @property
    def ablation_files(self) -> dict[str, Any]:
        """The ablations' files, whole, by name; a saved sweep's runs are one more."""
        files: dict[str, Any] = {ablation.name: ablation.content for ablation in self.ablations}
        if self.sweep and self.sweep.runs:
            saved = self.sweep.content
            told = {key: saved[key] for key in ("title", "question", "source") if key in saved}
            arms = {"baseline": self.sweep.baseline, "variants": saved["runs"]}
            files[self.sweep.name] = told | {"applies_to": {"any": arms}}
        return files

    def check_claims(self, runs: Iterable[RunSpec]) -> None:
        """Raises UserError for a claim of the saved sweep's that has a row which is none of these runs."""
        if self.sweep:
            check_rows(self.sweep.claims, _places(runs))

    def claims(self, runs: Iterable[RunSpec]) -> list[StatedClaim]:
        """The saved sweep's, and those of the ablations that are about these runs."""
        of_ablations = [claim for ablation in self.ablations for claim in ablation.claims]
        return [*(self.sweep.claims if self.sweep else ()), *are_about(of_ablations, _places(runs))]

    @property
    def published(self) -> dict[str, PublishedRuns]:
        """What the saved sweep says that others have published of its runs, by its name."""
        return {self.sweep.name: self.sweep.published} if self.sweep and self.sweep.published else {}

    @property
    def only_at_hand(self) -> bool:
        """Whether runs whose published weights are not there are left out."""
        return bool(self.sweep and self.sweep.content.get("at_hand"))


def _words(key: str, override: Override) -> Words:
    """One for each value."""
    if override.is_sweep_override():
        if not override.is_discrete_sweep():
            raise UserError(f"{override.input_line}: an interval cannot be swept; list the values")
        return [f"{key}={value}" for value in override.sweep_string_iterator()]
    return [(override.input_line or key) if override.is_delete() else f"{key}={override.get_value_element_as_str()}"]


def _places(runs: Iterable[RunSpec]) -> set[Place]:
    return {(run.name, place) for run in runs for place in run.memberships or (None,)}


def read_request(arguments: list[str], loader: ConfigLoader) -> Request:
    """The request of a command line. Raises UserError for an ablation or a sweep that does not exist, and for keys that
    cannot be zipped."""
    parser = OverridesParser.create(config_loader=loader)
    given = {o.get_key_element(): o for o in parser.parse_overrides(arguments)}
    sweep_names, ablation_names = choices(given.pop("sweep", None)), choices(given.pop("ablation", None))
    if len(sweep_names) > 1:
        raise UserError(f"sweep={','.join(sweep_names)}: one sweep at a time")
    sweep = load_sweep(sweep_names[0], sweep_folders()) if sweep_names else None
    if sweep:
        saved = {o.get_key_element(): o for o in parser.parse_overrides(sweep.overrides)}
        ablation_names = ablation_names or choices(saved.get("ablation"))
        given = {key: o for key, o in (saved | given).items() if key not in ("ablation", "sweep")}
    ablations = [_ablation(name, loader) for name in ablation_names]
    if "study" not in given:
        study = sweep.name if sweep else _study_name(given, ablation_names)
        given |= {"study": parser.parse_override(as_override("study", study))}
    zips = read_zips(given.pop(ZIP, None), given)
    return Request(given, ablations, sweep, zips)


def choices(override: Override | None) -> list[str]:
    """The values of a key, one or several, without quotation marks; none where it is not given."""
    if override is None or override.value() is None:
        return []
    values = override.sweep_iterator() if override.is_sweep_override() else [override.value()]
    return [one.text if isinstance(one, QuotedString) else str(one) for one in values]


def _ablation(name: str, loader: ConfigLoader) -> Ablation:
    found = loader.repository.load_config(f"ablation/{name}")  # type: ignore[attr-defined]
    if found is None:
        raise UserError(f"ablation={name}: no such ablation{did_you_mean(name, loader.get_group_options('ablation'))}")
    folder = Path(found.path.partition("://")[2])
    return parse_ablation(name, read_study_file(folder / "ablation" / f"{name}.yaml"))


def _study_name(given: dict[str, Override], ablations: list[str]) -> str:
    classes = [target.rpartition(".")[2] for target in choices(given.get(OWN_CLASS))]
    models = classes or choices(given.get("model")) or ["carn"]
    return "_".join(filter(None, ("-".join(models), "-".join(ablations))))
