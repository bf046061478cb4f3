"""Which PNG file each image becomes that a user names."""

from pathlib import Path

from srbench.core.errors import UserError
from srbench.core.progress import console
from srbench.data.images import image_files


def png_files(source: Path, target: Path) -> list[tuple[Path, Path]]:
    """Each image of `source` and its PNG file; for one image `target` may be that file, else it is a folder.

    What lies beside the images of a folder is named on stderr. Raises UserError where files would be overwritten that
    were read, or written before.
    """
    if source.is_dir():
        files = image_files(source)
        for path in sorted(source.iterdir()):
            if path not in files and not path.name.startswith("."):
                console.print(f"skipped: {path}: no image")
    elif source.exists():
        files = [source]
    else:
        raise UserError(f"upscale: {source}: no such image or folder")
    single = not source.is_dir() and not target.is_dir() and target.suffix != ""
    if single and target.suffix.lower() != ".png":
        raise UserError(f"upscale: {target}: PNG files are written; name one, or a folder")
    outs: dict[Path, Path] = {}
    for file in files:
        out = target if single else target / f"{file.stem}.png"
        if out in outs:
            raise UserError(f"upscale: {outs[out]} and {file.name} would both become {out}; rename one")
        if out.resolve() == file.resolve():
            raise UserError(f"upscale: {file}: would be overwritten; give another OUT")
        outs[out] = file
    return [(file, out) for out, file in outs.items()]
