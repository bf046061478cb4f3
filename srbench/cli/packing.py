"""The verbs pack and unpack."""

from pathlib import Path

from srbench.cli.verbs import PackVerb, UnpackVerb
from srbench.core import progress
from srbench.core.harmless import visible
from srbench.experiments.store.packs import RUNS, SUFFIX, Manifest, pack_study, unpack_study
from srbench.reports.report_place import report_place


def make_pack(asked: PackVerb) -> bool:
    """Writes the pack and says what is in it."""
    name = asked.study.resolve().name
    pack = asked.pack or Path(f"{name}{SUFFIX}")
    report = report_place(name, [asked.study], asked.reports_dir)
    with progress.bar("pack") as tell:
        manifest = pack_study(asked.study, report, pack, tell)
    none = "" if report.is_dir() else f"; without a report, as there is none at {report}"
    print(visible(f"pack: {pack}: {_told(manifest)}, verified{none}"))
    return True


def open_pack(asked: UnpackVerb) -> bool:
    """Unpacks and says where the study lies now."""
    with progress.bar("unpack") as tell:
        manifest = unpack_study(asked.pack, asked.folder, tell)
    print(visible(f"unpack: {asked.folder / RUNS / manifest.study}: {_told(manifest)}, verified"))
    return True


def _told(manifest: Manifest) -> str:
    return f"{len(manifest.files):,} files, {manifest.bytes:,} bytes"
