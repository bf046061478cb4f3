"""The claims of a sweep or an ablation file: read, and checked against the runs before the first one starts."""

from collections.abc import Collection, Iterable, Iterator
from dataclasses import fields
from typing import Any, Literal

from srbench.core.errors import UserError
from srbench.core.suggest import did_you_mean
from srbench.experiments.store.codec import FormatError, decode
from srbench.experiments.store.record import DEFAULT, Membership
from srbench.experiments.store.stated_claims import StatedClaim, StatedComparison

OF_CLAIM = ("text", "source", "decides")
OF_COMPARISON = tuple(field.name for field in fields(StatedComparison))

Place = tuple[str, Membership | None]  # a run's model, and its place in an ablation or sweep


def parse_claims(kind: Literal["sweep", "ablation"], file: str, content: Any) -> tuple[StatedClaim, ...]:
    """The claims that stand under `claims` in the file of a sweep or an ablation. Raises UserError, naming the claim,
    for one that is none."""
    told = {} if content is None else content
    if not isinstance(told, dict):
        raise UserError(f"{kind}={file}: claims must map the name of each to its text, source and what decides it")
    about = {"ablation": file, "of_sweep": kind == "sweep"}
    return tuple(_claim(f"{kind}={file}: claims.{name}", one, about | {"name": name}) for name, one in told.items())


def _claim(where: str, content: Any, about: dict[str, Any]) -> StatedClaim:
    if not isinstance(content, dict) or not isinstance(content.get("decides"), list) or not content["decides"]:
        raise UserError(f"{where}: needs text, source and decides: [{{rows: […], metric: …, direction: …}}]")
    comparisons = [(one, OF_COMPARISON) for one in content["decides"] if isinstance(one, dict)]
    for part, known in [(content, OF_CLAIM), *comparisons]:
        for key in part:
            if key not in known:
                raise UserError(f"{where}: no such key {key}{did_you_mean(key, known)}")
    try:
        return decode(StatedClaim, about | content)
    except FormatError as error:
        raise UserError(f"{where}: {error}") from error


def check_variants(claims: Iterable[StatedClaim], variants: Collection[object]) -> None:
    """Raises UserError, naming the claim, for a row that is neither one of an ablation's variants nor `MODEL:variant`.

    Rows of other models than those at hand are no mistake: `are_about` leaves such claims out.
    """
    known = set(map(str, variants))
    for claim in claims:
        for row in claim.rows:
            if row not in known and row.partition(":")[2] not in known:
                told = did_you_mean(row, known)
                raise UserError(f"ablation={claim.ablation}: claims.{claim.name}: no such variant {row}{told}")


def check_rows(claims: Iterable[StatedClaim], places: Collection[Place]) -> None:
    """Raises UserError, naming the claim, for a row of a sweep's claims that is none of its runs in these places."""
    for claim in claims:
        names = set(_names(claim, places))
        for row in claim.rows:
            if row not in names:
                told = did_you_mean(row, names)
                raise UserError(f"sweep={claim.ablation}: claims.{claim.name}: no such row {row}{told}")


def are_about(claims: Iterable[StatedClaim], places: Collection[Place]) -> list[StatedClaim]:
    """Those of an ablation's claims that have a row among the runs in these places."""
    return [claim for claim in claims if not set(claim.rows).isdisjoint(_names(claim, places))]


def _names(claim: StatedClaim, places: Iterable[Place]) -> Iterator[str]:
    """All that the claim may call a row."""
    for model, place in places:
        variant = str(place.variant) if place else DEFAULT
        if claim.of_sweep:
            yield model
        if claim.of_sweep or (place and claim.ablation == place.ablation):
            yield from (variant, f"{model}:{variant}")
