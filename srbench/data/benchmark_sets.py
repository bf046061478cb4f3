"""Which of the sets on disk `eval.datasets` means by a name."""

from pathlib import Path

from srbench.core.errors import UserError
from srbench.data.catalog.catalog import catalogue, count_images
from srbench.data.layouts import ImageSet, bases, called, find, folders
from srbench.data.unread import in_other_formats
from srbench.data.unused_lr import tell_once, tell_unused_lr

READ = "HR with LR_bicubic/X2, GTmod12 with LRbicx2, or image_SRF_2"


def evaluation_set(name: str, data_root: Path, scale: int) -> ImageSet | None:
    """The set to evaluate on at `scale`: of that name below `data_root`, or DIV2K's validation part for `div2k`; with
    its LR files where it has some of the scale. None where there is none with HR.

    LR that lies there and is not used, an image of a format that is not read, and a second set of the name, is logged
    once. UserError for a folder that holds several sets, none of that name, and for folders that differ in case only.
    """
    places = [
        found for base in bases(data_root) if (found := [one for one in called(base, name) if _is_evaluated(one)])
    ]
    if not places:
        return None
    first, *others = places
    own = [one for wanted in (name, f"{name}_valid") for one in first if one.name.lower() == wanted]
    sets = [one for one in own or first if one.name == (own or first)[0].name]
    if not own and len({(one.folder, one.name) for one in first}) > 1:
        names = ", ".join(dict.fromkeys(one.name for one in first))
        raise UserError(f"eval.datasets=[{name}]: several sets lie there ({names}); put each into a folder of its own")
    exact = [one for one in sets if one.scale == scale and one.lr]
    chosen = exact[0] if exact else ImageSet(sets[0].name, sets[0].layout, sets[0].folder, scale, sets[0].hr)
    used = [file.parent for file in chosen.lr.values()]
    for_other_scales = [file.parent for one in sets if one.scale != scale for file in one.lr.values()]
    tell_unused_lr(next(iter(chosen.hr.values())).parent, used, for_other_scales)
    for line in in_other_formats(dict.fromkeys(file.parent for file in (*chosen.hr.values(), *chosen.lr.values()))):
        tell_once(line)
    for other in others:
        tell_once(f"{chosen.folder} is evaluated on, not the set of the same name in {other[0].folder}")
    return chosen


def benchmark_folders(data_root: Path) -> dict[str, Path]:
    """The folders that `evaluation_set` finds sets in, by the names to ask for; a set without images is logged once."""
    found: dict[str, Path] = {}
    of_catalogue = [entry.name for entry in catalogue().values() if entry.evaluated]
    for base in bases(data_root):
        everything = base.name.lower() in ("benchmark", "testsets") and base != data_root
        names = ".*" if everything else "|".join(of_catalogue)  # training sets may lie there, too
        for name, folder in folders(base, names).items():
            if any(map(_is_evaluated, find(folder))):
                found.setdefault(name, folder)
            elif everything:
                tell_once(
                    f"{folder} holds no images: the set is left out" if not count_images(folder) else _unknown(folder)
                )
    return found


def _is_evaluated(images: ImageSet) -> bool:
    return bool(images.hr) and not images.name.lower().endswith("_train")


def _unknown(folder: Path) -> str:
    return f"{folder}: no layout of a set that srbench reads ({READ}): it is left out"
