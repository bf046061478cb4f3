"""Several studies read together as one: a run that lies in two of them counts once."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import reduce
from pathlib import Path

from srbench.core.json_digest import json_digest
from srbench.experiments.store.codec import encode
from srbench.experiments.store.plans import both_plans
from srbench.experiments.store.record import release_line
from srbench.experiments.store.study import Study, StudyRun, run_identity

LONGEST = 120  # letters of a name, which is a folder's, too
Copies = Sequence[tuple[str, StudyRun]]  # of one run, each with the name of its study


def join_studies(studies: Sequence[Study]) -> Study:
    """One study of the plans and the runs of all, `a+b`; the only one as it is. Each folder counts once.

    Of a run that lies in several, the one that is done counts, and of these the one with scores on the most data sets;
    what it lacks is taken from the others where they have the same weights and were made by the same srbench.
    """
    names = studies_by_name(studies)
    different = list(names.values())
    if len(different) == 1:
        return different[0]
    copies = _by_identity(names)
    runs, strange = list[StudyRun](), [f"{name}: {line}" for name, one in names.items() for line in one.strange]
    taken: dict[str, StudyRun] = {}
    for of_run in copies:
        run = _one_of(of_run)
        strange += _other_weights(run, of_run)
        if run.name in taken:
            strange.append(
                f"{run.name} of {', '.join(run.studies)}: another run than that of {', '.join(taken[run.name].studies)}"
                "; it is not counted"
            )
        else:
            runs.append(taken.setdefault(run.name, run))
    several = sum(len(run.studies) > 1 for run in runs)
    told = "1 run lies" if several == 1 else f"{several} runs lie"
    strange += [f"{told} in more than one of the studies; each counts once"] if several else []
    strange += _other_ablations(names)
    return Study(
        name=_name(list(names)),
        folders=tuple(folder for one in different for folder in one.folders),
        plans=tuple(plan for one in different for plan in one.plans),
        runs=tuple(runs),
        strange=tuple(strange),
    )


def studies_by_name(studies: Sequence[Study]) -> dict[str, Study]:
    """Each folder's study once, in their order; those of one name by their folder."""
    different = list({one.folders[0].resolve(): one for one in studies}.values())
    names = [one.name for one in different]
    return {str(_named(one.folders[0])) if names.count(one.name) > 1 else one.name: one for one in different}


def _named(folder: Path) -> Path:
    """As it was typed, but for `.`, which tells nothing."""
    return folder if folder.name else folder.resolve()


def _name(names: Sequence[str]) -> str:
    """`a+b`, a name that a folder can have; of many the first and a digest of all."""
    plain = [name.replace("/", "-").replace("\\", "-") for name in names]
    text = "+".join(plain)
    short = len(text) <= LONGEST
    return text if short else f"{plain[0][: LONGEST // 2]}+{len(names) - 1}-more-{json_digest(list(names))[:8]}"


def _by_identity(studies: Mapping[str, Study]) -> list[Copies]:
    found: dict[object, list[tuple[str, StudyRun]]] = {}
    for name, study in studies.items():
        for run in study.runs:
            found.setdefault(run_identity(run.known) if run.known else (name, run.name), []).append((name, run))
    return list(found.values())


def _one_of(copies: Copies) -> StudyRun:
    best = max((run for _, run in copies), key=_worth)  # of equal ones the first
    plans = [run.planned for _, run in copies if run.planned]
    planned = reduce(both_plans, plans) if plans else None
    whole = _completed(best, [run for _, run in copies])
    counted = tuple(name for name, run in copies if run is best or not _difference(best, run))
    return replace(whole, planned=planned, studies=counted)


def _worth(run: StudyRun) -> tuple[bool, bool, int]:
    return run.status == "done", run.record is not None, len(run.record.scores) if run.record else 0


def _completed(best: StudyRun, copies: Sequence[StudyRun]) -> StudyRun:
    """With the data sets that only others were scored on."""
    record, scored_in = best.record, dict[str, Path]()
    for copy in copies:
        other = copy.record
        if copy.status == best.status == "done" and record and other and not _difference(best, copy):
            for dataset in [name for name in other.certificates if name not in record.certificates]:
                told = other.fingerprints.score.get(dataset, "")
                record = record.with_evaluation(dataset, other.evaluations[dataset], told)
                scored_in[dataset] = copy.folder
    return replace(best, record=record, scored_in=scored_in)


def _difference(one: StudyRun, other: StudyRun) -> str:
    """What makes two results of one run different ones; "" of equal ones, and where there are no two."""
    if not (one.record and other.record and one.status == other.status == "done"):
        return ""
    ones, others = one.record, other.record
    parts = {
        "weights": ones.weights_sha256 != others.weights_sha256,
        "code of its own": ones.own_code != others.own_code,
        "release of srbench": release_line(ones) != release_line(others),
    }
    return " and ".join(part for part, differs in parts.items() if differs)


def _other_weights(run: StudyRun, copies: Copies) -> Iterator[str]:
    """A line where the studies hold different trainings of one run."""
    for name, other in copies:
        if difference := _difference(run, other):
            held = ", ".join(run.studies)
            yield f"{run.name}: that of {name} differs in {difference} from that of {held}, and is not counted"


def _other_ablations(studies: Mapping[str, Study]) -> Iterator[str]:
    """A line on each ablation that the studies know in different forms."""
    for name in dict.fromkeys(name for one in studies.values() for name in one.ablations):
        known = [study for study, one in studies.items() if name in one.ablations]
        if len({json_digest(encode(studies[study].ablations[name])) for study in known}) > 1:
            yield f"ablation {name}: not the same in {', '.join(known)}; that of {known[-1]} is told"
