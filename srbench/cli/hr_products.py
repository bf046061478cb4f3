"""The verb `data prepare`: what takes long to make from HR images, made once, by many processes."""

from collections.abc import Callable
from pathlib import Path

from srbench.cli.verbs import DataPrepareVerb
from srbench.core import hardware, progress
from srbench.core.errors import UserError
from srbench.core.harmless import visible
from srbench.core.progress import Listener
from srbench.data import classsr_windows
from srbench.data.layouts import locate
from srbench.data.prepare.cut import Grid
from srbench.data.prepare.make import Group, PrepareRequest, make_cache, make_classsr, make_lr, make_sub_images


def prepare_data(asked: DataPrepareVerb) -> bool:
    """Makes LR images, sub-images, the training's cache or ClassSR's windows, and prints a line on each folder.

    What is there already, whole and by the same recipe, is left as it is. UserError for a folder with anything else in
    it, for images that cannot be read, and where the disk fails; Hydra's errors for a model that does not compose.
    """
    make = _maker(asked)
    groups: dict[tuple[Path, str], Group] = {}
    for images in locate(asked.images, asked.data_root):
        groups.setdefault((images.folder, images.name), []).append(images)
    request = PrepareRequest(asked.scale, asked.edge, asked.out, asked.data_root, asked.jobs or hardware.cores())
    try:
        with progress.bar("prepares") as tell:
            lines = [line for group in groups.values() for line in make(request, group, tell)]
    except OSError as error:
        raise UserError(f"data prepare: cannot write ({error}); make room, or write elsewhere with out=DIR") from error
    print("\n".join(map(visible, lines)))
    return True


def _maker(asked: DataPrepareVerb) -> Callable[[PrepareRequest, Group, Listener], list[str]]:
    """Of the one thing that is to be made."""
    if asked.classsr:
        from srbench.experiments.compose import compose_run
        from srbench.experiments.ranker import ranker

        limit = f"max_megapixels={asked.max_megapixels}"
        network = ranker(compose_run([*asked.config, f"scale={classsr_windows.SCALE}", limit]))
        return lambda request, group, tell: make_classsr(request, group, network, tell)
    if asked.sub_images and asked.step:
        grid = Grid(asked.sub_images, asked.step, asked.thresh)
        return lambda request, group, tell: make_sub_images(request, group, grid, tell)
    return make_cache if asked.cache else make_lr
