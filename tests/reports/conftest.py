"""A builder of studies on disk, as the sweeper and the runs would leave them."""

from collections.abc import Callable
from pathlib import Path
from statistics import mean

import pytest

from srbench.core.files import write_file
from srbench.experiments.store.results import Study, add_to_plan, read_study, write_record

ATROUS = {
    "title": "Atrous rates of the residual blocks",
    "question": "does a larger receptive field help?",
    "source": "Waifu2x CARN study",
    "applies_to": {
        "CARN": {
            "baseline": "1-1-1",
            "variants": {"1-1-1": {"model.atrous": [1, 1, 1]}, "1-2-1": {"model.atrous": [1, 2, 1]}},
        },
        "MossNet": {
            "baseline": "1-1",
            "variants": {"1-1": {"model.atrous": [1, 1]}, "2-4": {"model.atrous": [2, 4]}},
        },
    },
}
SE = {
    "title": "Squeeze and excitation",
    "applies_to": {"any": {"baseline": "none", "variants": {"none": {"model.se": False}, "se": {"model.se": True}}}},
}

LUMA = {"name": "y", "channels": "luma", "border": "scale"}
RGB = {"name": "rgb", "channels": "rgb", "border": "scale"}


CLASSES = {"carn": "CARN", "carn_m": "CARN", "carn_waifu2x": "CARN", "mossnet": "MossNet", "bicubic": "Bicubic"}


class Builder:
    """Plans runs with `run` and writes their records; `study()` reads what is there."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.plan("python -m srbench -m model=carn ablation=atrous", {})

    def plan(self, command: str, runs: dict) -> None:
        plan = {"study": self.folder.name, "commands": [command], "ablations": {"atrous": ATROUS, "se": SE}}
        add_to_plan(self.folder, {**plan, "claims": [], "published": {}, "runs": runs})

    def run(
        self,
        model: str = "carn",
        *places: tuple[str, str, bool],
        scale: int = 2,
        seed: int = 0,
        overrides: tuple[str, ...] = (),
        hashed: str = "0a1b2c3d",
        record: dict | None = None,
        losses: list[float] | None = None,
        images: dict[str, list[float]] | None = None,
        resizer: str = "file",
        trained: bool = True,
    ) -> str:
        """The folder of a run planned in `places` (ablation, variant, baseline); without `record` it has not run.

        `images`: the PSNR of single images by data set, whose means are the record's scores where it has none.
        """
        memberships = [dict(zip(("ablation", "variant", "baseline"), place, strict=True)) for place in places]
        variant = places[0][1] if places else None
        name = f"{model}-{variant or 'default'}-x{scale}-s{seed}-{hashed}"
        identity = {
            "model": model,
            "class": CLASSES.get(model, model),
            "variant": variant,
            "scale": scale,
            "seed": seed,
            "config_hash": hashed,
        }
        entry = {**identity, "overrides": list(overrides), "memberships": memberships, "params": None}
        self.plan("python -m srbench -m model=carn ablation=atrous", {name: entry})
        folder = self.folder / name
        if images is not None:
            record = {"scores": {dataset: {"psnr": mean(values)} for dataset, values in images.items()}} | (
                record or {}
            )
            self.write_scores(name, images, resizer)
        if record is not None:
            folder.mkdir(exist_ok=True)
            train = {"steps": 3000} if trained else {}
            head = {"run": name, **entry, "variant": variant or "default", "status": "done", "protocol": LUMA}
            head |= {"train": train}
            write_record(folder / "result.json", head | record)
        if losses is not None:
            folder.mkdir(exist_ok=True)
            lines = [f"{10 * step},{step // 10},{loss}\n" for step, loss in enumerate(losses, 1)]
            write_file(folder / "losses.csv", ("step,epoch,loss\n" + "".join(lines)).encode())
        return name

    def write_scores(self, name: str, images: dict[str, list[float]], resizer: str = "file", first: int = 0) -> None:
        """The run's scores.csv; the images are named after their number, from `first`."""
        lines = [
            f"{dataset},{number},{psnr:.9g},,,,,,y,{resizer}\n"
            for dataset, values in images.items()
            for number, psnr in enumerate(values, first)
        ]
        header = "dataset,image,psnr,ssim,lpips,niqe,pi,rmse,protocol,resizer\n"
        (self.folder / name).mkdir(exist_ok=True)
        (self.folder / name / "scores.csv").write_text(header + "".join(lines))

    def study(self) -> Study:
        return read_study(self.folder)


@pytest.fixture
def build(tmp_path: Path) -> Builder:
    """A study named `mine` in tmp_path/runs, with the ablations atrous and se and no runs yet."""
    return Builder(tmp_path / "runs" / "mine")


@pytest.fixture
def scored() -> Callable[..., dict]:
    """scored(33.5, ssim=0.9, set14=30.0) is a record with these scores, the first ones on set5."""

    def record(psnr: float, ssim: float | None = None, lpips: float | None = None, **others: float) -> dict:
        set5 = {"psnr": psnr, "ssim": ssim, "lpips": lpips}
        scores = {"set5": {metric: value for metric, value in set5.items() if value is not None}}
        return {"scores": scores | {dataset: {"psnr": value} for dataset, value in others.items()}}

    return record
