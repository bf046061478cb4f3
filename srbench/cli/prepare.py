"""The verb `data prepare`: what takes long to make from HR images, made once, by many processes."""

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import get_args

from srbench.cli.usage import PREPARE, usage
from srbench.core import hardware, progress
from srbench.core.errors import UserError
from srbench.core.paths import default_places
from srbench.core.progress import Listener
from srbench.data import classsr_windows
from srbench.data.layouts import locate
from srbench.data.prepare.cut import Grid
from srbench.data.prepare.make import Group, Request, make_cache, make_classsr, make_lr, make_sub_images
from srbench.data.resize import Edge

OPTIONS = {
    "scale": "2,3,4",
    "edge": "symmetric",
    "out": "",
    "sub_images": "",
    "step": "",
    "thresh": "0",
    "cache": "",
    "classsr": "",
    "jobs": "auto",
    "data_root": "",
}
# What is made unless it is LR images: the option that asks for it, and those that go with it.
KINDS = {
    "sub_images": ("step", "thresh", "scale", "edge", "out"),
    "cache": ("scale",),
    "classsr": ("out", "model"),
}
LR = ("scale", "edge", "out")

Make = Callable[[Request, Group, Listener], list[str]]


def prepare(words: list[str]) -> None:
    """Makes LR images, sub-images, the training's cache or ClassSR's windows, and prints a line on each folder.

    What is there already, whole and by the same recipe, is left as it is. UserError for a folder with anything else in
    it, for images that cannot be read, and where the disk fails.
    """
    name, given, model = _parsed(words)
    make = _maker(given, model)
    given = OPTIONS | given
    data_root = Path(given["data_root"] or default_places()["data_root"]).expanduser()
    groups: dict[tuple[Path, str], Group] = {}
    for images in locate(name, data_root):
        groups.setdefault((images.folder, images.name), []).append(images)
    request = Request(_scales(given), _edge(given), given["out"], data_root, _jobs(given))
    try:
        with progress.bar("prepares") as tell:
            lines = [line for group in groups.values() for line in make(request, group, tell)]
    except OSError as error:
        raise UserError(f"data prepare: cannot write ({error}); make room, or write elsewhere with out=DIR") from error
    print("\n".join(lines))


def _parsed(words: list[str]) -> tuple[str, dict[str, str], list[str]]:
    """The set, the options that are given, and the words that describe a model."""
    if "--help" in words or "-h" in words:
        print(usage(PREPARE))
        raise SystemExit(0)
    model = [word for word in words if re.match(r"(model(\.\w+)*|checkpoint|weights_dir|device)=", word)]
    rest = [word for word in words if word not in model]
    given = dict(word.split("=", 1) for word in rest if re.match("[a-z_]+=", word))
    names = [word for word in rest if not re.match("[a-z_]+=", word)]
    unknown = [key for key in given if key not in OPTIONS]
    if unknown or len(names) != 1:
        wrong = f"{unknown[0]}=: no such option" if unknown else f"one set is needed, not {len(names)}"
        raise UserError(f"data prepare: {wrong}; {' '.join(usage(PREPARE).split())}")
    return names[0], given, model


def _maker(given: dict[str, str], model: list[str]) -> Make:
    """The one thing that is to be made. UserError for several, and for options that belong to another; Hydra's errors
    for a model that does not compose."""
    kinds = [kind for kind in KINDS if kind in given]
    if len(kinds) > 1:
        raise UserError(f"data prepare: {kinds[0]}= and {kinds[1]}= are made one at a time")
    kind = kinds[0] if kinds else ""
    known = (kind, *KINDS.get(kind, LR), "jobs", "data_root")
    stray = [key for key in [*given, *(["model"] if model else [])] if key not in known]
    if stray:
        raise UserError(f"data prepare: {stray[0]}= does not go with {kind + '=' if kind else 'LR images'}")
    if kind in ("cache", "classsr") and given[kind] != "true":
        raise UserError(f"data prepare: {kind}={given[kind]}: {kind}=true, or leave it out")
    if kind == "classsr":
        if not model:
            raise UserError("data prepare: classsr=true needs model=NAME, the network that ranks the windows")
        from srbench.experiments.presets import compose_run
        from srbench.experiments.window_ranking import ranker

        network = ranker(compose_run([*model, f"scale={classsr_windows.SCALE}"]))
        return lambda request, group, tell: make_classsr(request, group, network, tell)
    if kind == "sub_images":
        lengths = (
            _whole(OPTIONS | given, key, least) for key, least in (("sub_images", 1), ("step", 1), ("thresh", 0))
        )
        grid = Grid(*lengths)
        return lambda request, group, tell: make_sub_images(request, group, grid, tell)
    return make_cache if kind == "cache" else make_lr


def _scales(given: Mapping[str, str]) -> tuple[int, ...]:
    parts = given["scale"].strip("[]").split(",")
    if not all(part.strip().isdecimal() and int(part) > 1 for part in parts):
        raise UserError(f"data prepare: scale={given['scale']}: whole numbers above 1 are needed, as in scale=2,3,4")
    return tuple(dict.fromkeys(int(part) for part in parts))


def _edge(given: Mapping[str, str]) -> Edge:
    if given["edge"] not in get_args(Edge):
        raise UserError(f"data prepare: edge={given['edge']}: {' or '.join(get_args(Edge))}")
    return given["edge"]  # type: ignore[return-value]


def _jobs(given: Mapping[str, str]) -> int:
    return hardware.cores() if given["jobs"] == "auto" else _whole(given, "jobs", 1)


def _whole(given: Mapping[str, str], key: str, least: int) -> int:
    if not (given[key].isdecimal() and int(given[key]) >= least):
        raise UserError(f"data prepare: {key}={given[key]}: a whole number from {least} on is needed")
    return int(given[key])
