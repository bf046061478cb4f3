"""What the scores of a run rest on: in words, its certificates for all data sets together; and as a digest."""

from collections.abc import Callable

from srbench.core.json_digest import json_digest
from srbench.evaluation.certificate import Certificate
from srbench.experiments.store.codec import encode
from srbench.experiments.store.record import Record


def protocols_of(record: Record) -> str | None:
    """ "y (luma, border scale)"; by data set where they differ; None without scores."""
    return _once(record, lambda certificate: certificate.told_protocol)


def lr_of(record: Record) -> str | None:
    """What LR is, with what is recognised in files: "file by matlab-replicate"; by data set where they differ."""
    return _once(record, lambda certificate: str(certificate.lr))


def resizers_of(record: Record) -> str | None:
    """Those of its scores.csv, each once: "file, matlab-symmetric"."""
    return ", ".join(dict.fromkeys(one.lr.resizer for one in record.certificates.values())) or None


def certificate_digest(certificate: Certificate) -> str:
    """SHA-256, in hex: files made beside the record name by it what they rest on."""
    return json_digest(encode(certificate))


def _once(record: Record, told: Callable[[Certificate], str]) -> str | None:
    texts = {name: told(certificate) for name, certificate in record.certificates.items()}
    if len(set(texts.values())) > 1:
        return "; ".join(f"{name}: {text}" for name, text in texts.items())
    return next(iter(texts.values()), None)
