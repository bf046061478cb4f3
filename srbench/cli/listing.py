"""`data list`: the catalogue as a table for a terminal, and as datasets.md."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from srbench.data.catalog.catalog import Archive, DataSet, SetFolder, catalogue, page
from srbench.metrics.metric_files import METRIC_FILES
from srbench.models.backbones import Backbone, backbones

UNKNOWN = "–"


def table(data_root: Path, weights_folders: Sequence[Path]) -> str:
    """One line a set and a backbone: name, images, download, licence, and whether it is at hand."""
    rows = [("name", "images", "download", "licence", "at hand")]
    for entry in catalogue().values():
        download = f"{_size(entry)}, by hand" if entry.by_hand else _size(entry)
        rows.append((entry.name, f"{entry.images:,}", download, entry.licence, _state(entry, data_root)))
    for network in backbones().values():
        there = any((folder / network.file).is_file() for folder in weights_folders)
        rows.append((network.name, UNKNOWN, _bytes(network.bytes), network.licence, "yes" if there else "no"))
    for name, known in METRIC_FILES.items():
        there = any((folder / known.file).is_file() for folder in weights_folders)
        rows.append((name, UNKNOWN, UNKNOWN, known.licence, "yes" if there else "no"))
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join(_aligned(row, widths) for row in rows)


def markdown() -> str:
    """datasets.md."""
    sets = catalogue().values()
    rows = ["| `data get` | set | images | sizes | download | licence |", "|---|---|---:|---|---|---|"]
    for entry in sets:
        download = f"{_size(entry)}, by hand" if entry.by_hand else _size(entry)
        cells = (f"`{entry.name}`", entry.title, f"{entry.images:,}", _sizes(entry), download, entry.licence)
        rows.append(f"| {' | '.join(cells)} |")
    networks = ["| `data get` | network | download | SHA-256 | licence | cite |", "|---|---|---|---|---|---|"]
    networks += [_backbone(network) for network in backbones().values()]
    return page().format(
        table="\n".join(rows),
        sets="\n\n".join("\n".join(_details(entry)) for entry in sets),
        backbones="\n".join(networks),
    )


def _details(entry: DataSet) -> Iterator[str]:
    yield f"### {entry.title}: `data get {entry.name}`\n\n{_sentence(entry.what)}\n"
    yield f"- Licence: {'; '.join(filter(None, (entry.licence, entry.terms)))}."
    yield f"- Cite: {entry.cite}.{f' Home: {entry.home}' if entry.home else ''}"
    if entry.parts:
        yield f"- Brings: {', '.join(f'`{part}`' for part in entry.parts)}."
    if entry.by_hand:
        yield f"- By hand: {entry.by_hand.format(root='data')}."
    for archive in entry.archives:
        yield f"- Downloads [{archive.name}]({archive.address}): {_checksum(archive)}."
    if entry.folders:
        yield f"- Place: {', '.join(_place(folder) for folder in entry.folders)}."
    if entry.note:
        yield f"- {_sentence(entry.note)}"


def _place(folder: SetFolder) -> str:
    digest = f", pixels `{folder.digest}`" if folder.digest else ""
    return f"`data/{folder.path}` ({folder.images:,} images{digest})"


def _checksum(archive: Archive) -> str:
    size = (
        f"{archive.bytes:,} bytes" if archive.bytes else f"about {archive.about}" if archive.about else "size unknown"
    )
    known = (("SHA-256", archive.sha256), ("MD5", archive.md5))
    checksums = [f"{kind} `{value}`, computed by {archive.checksum_by}" for kind, value in known if value]
    return f"{size}, {checksums[0] if checksums else 'no checksum is known'}"


def _backbone(network: Backbone) -> str:
    download = f"[{network.address.rpartition('/')[2]}]({network.address}), {network.bytes:,} bytes"
    licence = f"{network.licence}; {network.terms}"
    return f"| `{network.name}` | {network.title} | {download} | `{network.sha256}` | {licence} | {network.cite} |"


def _state(entry: DataSet, data_root: Path) -> str:
    """`yes`: all its images are there; `part`: another number of them."""
    found = [(folder.found(data_root), folder.images) for folder in entry.all_folders]
    if all(number == expected for number, expected in found):
        return "yes"
    return "part" if any(number for number, _ in found) else "no"


def _sizes(entry: DataSet) -> str:
    """Of the images."""
    mean = "{}×{} on average".format(*entry.mean_size) if entry.mean_size else None
    return ", ".join(filter(None, (mean, entry.sizes))) or UNKNOWN


def _size(entry: DataSet) -> str:
    sizes = [archive.bytes for archive in entry.all_archives]
    if sizes and all(sizes):
        return _bytes(sum(size or 0 for size in sizes))
    about = [entry.about, *(archive.about for archive in entry.archives)]
    return next((f"about {size}" for size in about if size), UNKNOWN)


def _bytes(size: int) -> str:
    return f"{size / 1e9:.1f} GB" if size >= 1e9 else f"{size / 1e6:.0f} MB"


def _sentence(text: str) -> str:
    return text[0].upper() + text[1:].removesuffix(".") + "."


def _aligned(cells: Sequence[str], widths: Sequence[int]) -> str:
    name, images, *others = (cell.ljust(width) for cell, width in zip(cells, widths, strict=True))
    return "  ".join((name, images.strip().rjust(widths[1]), *others)).rstrip()
