"""What the scores of a run rest on: in words, its certificates for all data sets together; and as a digest."""

from collections.abc import Callable

from srbench.core.json_digest import json_digest
from srbench.data.lr_source import Steps, told_steps
from srbench.evaluation.certificate import Certificate
from srbench.experiments.store.codec import encode
from srbench.experiments.store.record import Record

Degradations = tuple[Steps, ...]  # of a run's LR, each once: one, but for data sets that had others; () for none


def protocols_of(record: Record) -> str | None:
    """ "y (luma, border scale)"; by data set where they differ; None without scores."""
    return _once(record, lambda certificate: certificate.told_protocol)


def lr_of(record: Record) -> str | None:
    """What LR is, with what is recognised in files: "file by matlab-replicate"; by data set where they differ."""
    return _once(record, lambda certificate: str(certificate.lr))


def resizers_of(record: Record) -> str | None:
    """Those of its scores.csv, each once: "file, matlab-symmetric"."""
    return ", ".join(dict.fromkeys(one.lr.resizer for one in record.certificates.values())) or None


def degradations_of(record: Record) -> Degradations | None:
    """Of the LR of its data sets; None without scores."""
    if not record.certificates:
        return None
    return tuple(dict.fromkeys(one.lr.steps for one in record.certificates.values() if one.lr.steps))


def told_degradations(degradations: Degradations) -> str:
    """ "noise σ=0.1", "pil-bicubic + jpeg q=40"; "" for none."""
    return " and ".join(map(told_steps, degradations))


def certificate_digest(certificate: Certificate) -> str:
    """SHA-256, in hex: files made beside the record name by it what they rest on."""
    told = encode(certificate)
    for name, known in {"form": certificate.told_form, "code": certificate.code}.items():
        if not known:
            del told[name]  # so that it is that of releases that knew no other
    return json_digest(told)


def _once(record: Record, told: Callable[[Certificate], str]) -> str | None:
    texts = {name: told(certificate) for name, certificate in record.certificates.items()}
    if len(set(texts.values())) > 1:
        return "; ".join(f"{name}: {text}" for name, text in texts.items())
    return next(iter(texts.values()), None)
