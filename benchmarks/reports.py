"""How long a report of 1,000 runs with 300 logged losses each takes; the aim is 5 s on one core.

    python -m benchmarks.reports

Prints the seconds of the clock and of the processor for the whole report and for parts of it, without making the data,
for two studies: ten ablations of two models (20 panels of 10 rows with 5 seeds), and one ablation of 1,000 rows.
"""

import tempfile
import time
from collections.abc import Callable, Iterator
from hashlib import sha256
from pathlib import Path

import numpy as np

from srbench.experiments.store.results import add_to_plan, read_losses, read_study, write_record
from srbench.reports import page
from srbench.reports.comparison import comparison
from srbench.reports.markup import to_markdown

LINES = 300
IMAGES = {"set5": 5, "b100": 100}
PROTOCOL = {"name": "y", "channels": "luma", "border": "scale"}


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        for name, shape in {"ten_ablations": (10, 2, 10, 5), "one_ablation": (1, 1, 1000, 1)}.items():
            study_dir = Path(folder, "runs", name)
            write_study(study_dir, *shape)
            for part, wall, processor in timings(study_dir, Path(folder, "reports")):
                print(f"{name:14} {part:14} {wall:6.2f} s, processor {processor:6.2f} s")


def timings(study_dir: Path, reports_dir: Path) -> Iterator[tuple[str, float, float]]:
    """Name of the part, seconds of the clock, seconds of the processor."""
    study = read_study(study_dir)
    parts: dict[str, Callable[[], object]] = {
        "write_report": lambda: page.write_report(study_dir, reports_dir),
        "read_study": lambda: read_study(study_dir),
        "read_losses": lambda: read_losses(study),
        "table.md": lambda: to_markdown(comparison(study), study),
    }
    for name, part in parts.items():
        wall, processor = time.perf_counter(), time.process_time()
        part()
        yield name, time.perf_counter() - wall, time.process_time() - processor


def write_study(study_dir: Path, ablations: int, models: int, variants: int, seeds: int) -> None:
    """A finished study of ablations × models × variants × seeds runs, with made-up scores and losses."""
    random = np.random.default_rng(0)
    names = [f"ablation{number}" for number in range(ablations)]
    applies_to = {"any": {"baseline": "v0", "variants": {f"v{n}": {"model.width": n} for n in range(variants)}}}
    runs = {}
    for place in np.ndindex(ablations, models, variants, seeds):
        ablation, model, variant, seed = (int(number) for number in place)
        folder, run = planned(names[ablation], f"model{model}", variant, seed)
        runs[folder] = run
        write_run(study_dir / folder, run, random)
    whole = {name: {"title": name, "applies_to": applies_to} for name in names}
    plan = {"study": study_dir.name, "commands": ["made up"], "ablations": whole, "claims": [], "published": {}}
    add_to_plan(study_dir, plan | {"runs": runs})


def planned(ablation: str, model: str, variant: int, seed: int) -> tuple[str, dict]:
    """Folder and plan of one run."""
    hashed = sha256(f"{ablation} {model} {variant} {seed}".encode()).hexdigest()[:8]
    member = {"ablation": ablation, "variant": f"v{variant}", "baseline": variant == 0}
    identity = {
        "model": model,
        "class": model,
        "variant": f"v{variant}",
        "scale": 2,
        "seed": seed,
        "config_hash": hashed,
        "params": None,
    }
    run = identity | {"overrides": [f"model={model}", f"model.width={variant}"], "memberships": [member]}
    return f"{model}-v{variant}-x2-s{seed}-{hashed}", run


def write_run(folder: Path, run: dict, random: np.random.Generator) -> None:
    """Its record, losses.csv and scores.csv."""
    folder.mkdir(parents=True)
    images = {name: random.normal((37, 0.95), (0.1, 0.001), (number, 2)) for name, number in IMAGES.items()}
    scores = {name: dict(zip(("psnr", "ssim"), rows.mean(0).tolist(), strict=True)) for name, rows in images.items()}
    cost = {"params": 412000, "params_dead": 0, "flops_720p": 223_000_000_000, "activations_720p": 120_000_000}
    latency = [{"batch": 1, "height": 256, "width": 256, "median_ms": 38.2, "threads": 1, "device": "cpu"}]
    digest = sha256(b"pixels").hexdigest()
    record = {"status": "done", "protocol": PROTOCOL, "cost": cost, "latency": latency, "scores": scores}
    record |= {"train": {"steps": 10 * LINES}, "checksums": {name: {"hr": digest, "lr": digest} for name in IMAGES}}
    write_record(folder / "result.json", run | record)
    step = np.arange(1, LINES + 1)
    loss = (0.02 + 0.1 * np.exp(-step / 20)) * random.lognormal(0, 0.1, LINES)
    lines = (f"{10 * number},{number // 30},{value:.6f}\n" for number, value in zip(step, loss, strict=True))
    (folder / "losses.csv").write_text("step,epoch,loss\n" + "".join(lines))
    pairs = ((name, number, psnr, ssim) for name, rows in images.items() for number, (psnr, ssim) in enumerate(rows))
    scored = "".join(f"{name},{number},{psnr:.9g},{ssim:.9g},,,,,y,file\n" for name, number, psnr, ssim in pairs)
    (folder / "scores.csv").write_text("dataset,image,psnr,ssim,lpips,niqe,pi,rmse,protocol,resizer\n" + scored)


if __name__ == "__main__":
    main()
