"""What the numbers of a report rest on: commands, protocol, data, machine, versions and conventions."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

from srbench.experiments.store.record import Record
from srbench.recipes.outcome import TrainingSession
from srbench.reports.certified import protocols_of, resizers_of
from srbench.reports.ntire_challenges import told_ntire_score
from srbench.reports.row_costs import latency_layouts, standard_latency
from srbench.reports.trained_on import full_steps, in_turn, trained_by, trainings

NOT_RECORDED = "not recorded"
SHORT = (
    "; so short a training shows that all works and what learns faster at first, not what is better in the end: "
    "differences may turn round, and scores are no measurement of a trained network"
)
Fact = tuple[str, str]
OF_COUNTS = (
    "FLOPs and activations (of convolutions and matrix products) as fvcore counts them: the fast count is proven equal "
    "to fvcore's by srbench's tests, and the verb profile runs fvcore itself by cost=fvcore"
)


def provenance(commands: Iterable[str], done: Sequence[Record], ntire: str | None) -> tuple[Fact, ...]:
    """What all tables of these runs share, as name and value; NOT_RECORDED for what they do not tell."""
    return (
        *(("command", command) for command in commands),
        *_of_training(done),
        *_of_length(done),
        *_of_scores(done),
        *_of_machine(done),
        *_of_costs(done, ntire),
    )


def _of_training(done: Sequence[Record]) -> Iterator[Fact]:
    found = trainings(done)
    if found:
        yield "trained on", found[0].text if len(found) == 1 else "not all alike: see the notes on the models"


def _of_scores(done: Sequence[Record]) -> Iterator[Fact]:
    yield "protocol", _values(map(protocols_of, done))
    yield "resizer", _values(map(resizers_of, done))
    yield "data (SHA-256 of the pixels)", _data(done)


def _of_length(done: Sequence[Record]) -> Iterator[Fact]:
    """How long the networks were trained, and what less than the recipe's own length cannot show."""
    trained = [one for one in done if one.train.steps]
    if trained:
        shorter = any((full := full_steps(one)) and one.train.steps < full for one in trained)
        yield "length of training", _values(map(_length, trained)) + (SHORT if shorter else "")


def _length(record: Record) -> str:
    steps, full = record.train.steps, full_steps(record)
    if full is None:
        return f"{steps:,} steps{_kept(record)}"
    share = f" ({100 * steps / full:.2g} %)" if steps < full else ""
    return f"{steps:,} of the recipe's {full:,} steps{share}{_kept(record)}"


def _kept(record: Record) -> str:
    """Of a training that left the weights of its best validation."""
    last = record.train.stages[-1] if record.train.stages else None
    if last is None or last.kept != "best" or last.kept_psnr is None:
        return ""
    return (
        f", the weights of the best validation kept (step {last.kept_step:,} of {last.name}, {last.kept_psnr:.2f} dB)"
    )


def _of_machine(done: Sequence[Record]) -> Iterator[Fact]:
    yield "device", _values(one.device for one in done)
    yield "threads", _values(map(_threads, done))
    yield "srbench", _values(one.versions.get("srbench") for one in done)
    yield "git", _values(one.git for one in done)
    yield "versions", _values(_versions(one) for one in done)
    for place in dict.fromkeys(place for one in done for place in one.own_code):
        codes = _values(in_turn(trained_by(one)[place]) for one in done if place in one.own_code)
        yield "code of its own", f"{place}: {codes}"
    if trained := [one for one in done if one.train.steps]:
        yield "training precision", _values(map(_precisions, trained))
        yield from _of_gpu([one for one in trained if any(session.device == "cuda" for session in one.train.sessions)])
    yield "evaluation", "float32"


def _of_gpu(trained: Sequence[Record]) -> Iterator[Fact]:
    """How those that were trained on a GPU were."""
    if trained:
        yield "steps of training on the GPU", _values(_captured(one.train.sessions) for one in trained)
        yield "memory layout of training", _values(map(_layouts, trained))
        loose = [session.not_repeatable for one in trained for session in one.train.sessions if session.not_repeatable]
        if loose:
            yield "not repeatable to the last digit", "; ".join(dict.fromkeys(loose))


def _precisions(record: Record) -> str:
    """ "32-true"; of stages or sessions that went otherwise "bf16-mixed, then 32-true"."""
    return in_turn(session.precision for session in record.train.sessions) or record.precision


def _layouts(record: Record) -> str | None:
    """As `_precisions`; None where none is recorded."""
    return in_turn(session.memory_format for session in record.train.sessions) or record.train.memory_format


def _captured(sessions: Sequence[TrainingSession]) -> str | None:
    """None where it is not recorded."""
    reasons = "; ".join(dict.fromkeys(one.not_captured for one in sessions if one.not_captured))
    if not any(one.captured for one in sessions):
        return f"as they are written ({reasons})" if reasons else None
    return f"by CUDA graphs, some as they are written ({reasons})" if reasons else "by CUDA graphs"


def _threads(record: Record) -> str:
    """ "1"; of a training that went on otherwise "1, from step 300 of pixel on 2"."""
    sessions = [(stage.name, session) for stage in record.train.stages for session in stage.sessions]
    told, before = [f"{sessions[0][1].threads if sessions else record.threads}"], sessions[:1]
    for name, session in sessions:
        if (session.device, session.threads) != (before[-1][1].device, before[-1][1].threads):
            told.append(f"from step {session.after_step} of {name} on {session.threads} ({session.device})")
            before.append((name, session))
    return ", ".join(told)


def _versions(record: Record) -> str | None:
    """Of the rest: "python 3.12.3, torch 2.8.0"."""
    return ", ".join(f"{name} {version}" for name, version in record.versions.items() if name != "srbench") or None


def _of_costs(done: Sequence[Record], ntire: str | None) -> Iterator[Fact]:
    told = "trainable; one multiply-add as one; input for a 1280×720 output, or 256×256"
    yield "params, FLOPs, activations", f"{told}; {OF_COUNTS}"
    if measured := [latency for latency in map(standard_latency, done) if latency]:
        inputs = _values(f"{one.height}×{one.width}" for one in measured)
        where = f"{_values(one.device for one in measured)}, threads {_values(one.threads for one in measured)}"
        layout = _values(latency_layouts(done))
        yield "latency", f"median, batch 1, input {inputs} (height × width), {where}, memory layout {layout}"
    if ntire:
        yield "NTIRE score", told_ntire_score(ntire)


def _values(values: Iterable[object]) -> str:
    """The one value; several, each with the number of runs that have it; or that none is recorded."""
    counts = Counter(str(value) for value in values if value is not None)
    if len(counts) < 2:
        return next(iter(counts), NOT_RECORDED)
    return ", ".join(f"{value} ({count} runs)" for value, count in sorted(counts.items()))


def _data(done: Sequence[Record]) -> str:
    """By data set the first digits of its checksums: HR's, and those of LR files for each scale with the resizer that
    was recognised in them; two where runs had other images."""
    found: dict[str, dict[str, None]] = {}
    for record in done:
        for dataset, one in record.certificates.items():
            maker = f" by {one.lr.maker}" if one.lr.recognised is not None else ""
            texts = found.setdefault(dataset, {})
            if one.hr_sha256:
                texts[f"HR{one.told_form} {one.hr_sha256[:12]}"] = None
            if one.lr_sha256:
                texts[f"LR ×{record.scale} {one.lr_sha256[:12]}{maker}"] = None
    return "; ".join(f"{dataset} {', '.join(texts)}" for dataset, texts in found.items() if texts) or NOT_RECORDED
