"""How long a report of 1,000 and of 10,000 runs with 300 logged losses each takes; the aims on one core: 3 s and 10 s.

    python -m benchmarks.reports            # both
    python -m benchmarks.reports 1000

Prints the seconds of the clock and of the processor, medians, for reading a study, for its report and for the files,
without making the data, for two studies of each size: ten ablations of two models with 5 seeds, and one ablation of one
seed. Each repeat is a process of its own.
"""

import tempfile
import time
from hashlib import sha256
from pathlib import Path
from statistics import median

import numpy as np

from benchmarks.measured import command, in_own_process, measuring, natural
from srbench.core.garbage import no_collections
from srbench.data.lr_source import LrSource
from srbench.evaluation.certificate import Certificate
from srbench.evaluation.settings import Inference
from srbench.experiments.store.plans import Plan, PlannedRun, Wanted, WantedScores, write_plan
from srbench.experiments.store.record import SCHEMA, Fingerprints, Membership, Record, Training, write_record
from srbench.experiments.store.scores import ImageRow, write_rows
from srbench.experiments.store.study import open_study
from srbench.metrics.figures import Cost, Latency
from srbench.metrics.protocol import Protocol
from srbench.reports.report import build_report
from srbench.reports.write import write_files

LINES = 300
IMAGES = {"set5": 5, "b100": 100}
DIGEST = sha256(b"pixels").hexdigest()
COST = Cost(params=412_000, params_dead=0, flops_720p=223_000_000_000, activations_720p=120_000_000)
LATENCY = Latency(1, 256, 256, 38.2, 37.0, 40.0, 1, "cpu", "channels_last")
CERTIFICATES = {
    name: Certificate(Protocol("y", "luma"), LrSource(files=True), count, DIGEST, DIGEST, DIGEST, Inference(), False)
    for name, count in IMAGES.items()
}


def main() -> None:
    parser = command(__file__, __doc__, repeats=3)
    parser.add_argument("sizes", nargs="*", type=natural, metavar="RUNS", help="default: 1000 10000; hundreds")
    asked = parser.parse_args()
    if odd := [size for size in asked.sizes if size % 100]:
        parser.error(f"{odd[0]}: RUNS must be hundreds")
    with measuring(asked, threads=1) as note:
        for size in asked.sizes or [1_000, 10_000]:
            # Ablations, models, variants, seeds.
            for name, shape in {"ten ablations": (10, 2, size // 100, 5), "one ablation": (1, 1, size, 1)}.items():
                with tempfile.TemporaryDirectory() as folder:
                    write_study(Path(folder, "runs", "study"), *shape)
                    found = [in_own_process(timings, Path(folder), f"reports{n}") for n in range(asked.repeats)]
                for part in found[0]:
                    walls, processors = zip(*(one[part] for one in found), strict=True)
                    note(f"{size} runs, {name}: {part}", "s", walls)
                    times = f"{median(walls):6.2f} s, processor {median(processors):6.2f} s"
                    print(f"{size:6} runs, {name:13} {part:7} {times}", flush=True)


def timings(folder: Path, reports: str) -> dict[str, tuple[float, float]]:
    """Seconds of the clock and of the processor, by part."""
    clock = [(time.perf_counter(), time.process_time())]

    def since(begun: int) -> tuple[float, float]:
        clock.append((time.perf_counter(), time.process_time()))
        return clock[-1][0] - clock[begun][0], clock[-1][1] - clock[begun][1]

    found = {}
    with no_collections():  # as the verb report
        study = open_study(folder / "runs" / "study")
        found["read"] = since(-2)
        report = build_report(study)
        found["build"] = since(-2)
        write_files(report, folder / reports)
        found["write"] = since(-2)
    found["all"] = since(0)
    return found


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
    write_plan(study_dir, Plan(SCHEMA, study_dir.name, "made up", "2026-01-01T00:00:00+00:00", whole, (), {}, runs))


def planned(ablation: str, model: str, variant: int, seed: int) -> tuple[str, PlannedRun]:
    """Folder and plan of one run."""
    hashed = sha256(f"{ablation} {model} {variant} {seed}".encode()).hexdigest()[:8]
    run = PlannedRun(
        model=model,
        class_name=model,
        variant=f"v{variant}",
        scale=2,
        seed=seed,
        config_hash=hashed,
        overrides=(f"model={model}", f"model.width={variant}"),
        memberships=(Membership(ablation, f"v{variant}", variant == 0),),
        contexts={ablation: DIGEST},
        params=None,
        wanted=Wanted(None, {name: WantedScores(DIGEST, ("psnr", "ssim"), 0) for name in IMAGES}, DIGEST, None),
    )
    return f"{model}-v{variant}-x2-s{seed}-{hashed}", run


def write_run(folder: Path, run: PlannedRun, random: np.random.Generator) -> None:
    """Its record, losses.csv and scores.csv."""
    folder.mkdir(parents=True)
    images = {name: random.normal((37, 0.95), (0.1, 0.001), (number, 2)) for name, number in IMAGES.items()}
    write_record(folder, record(folder.name, run, images))
    rows = ((name, number, row) for name, rows in images.items() for number, row in enumerate(rows.tolist()))
    about = {"protocol": "y", "resizer": "file", "sr_sha256": DIGEST}
    scores = (ImageRow(name, str(n), dict(zip(("psnr", "ssim"), row, strict=True)), **about) for name, n, row in rows)
    write_rows(folder, scores)
    step = np.arange(1, LINES + 1)
    loss = (0.02 + 0.1 * np.exp(-step / 20)) * random.lognormal(0, 0.1, LINES)
    lines = (f"main,{10 * number},{number // 30},{value:.6f}\n" for number, value in zip(step, loss, strict=True))
    (folder / "losses.csv").write_text("stage,step,epoch,loss\n" + "".join(lines))


def record(name: str, run: PlannedRun, images: dict[str, np.ndarray]) -> Record:
    """What the run leaves: its scores are the means over `images`, PSNR and SSIM of each."""
    (member,) = run.memberships
    return Record(
        schema=SCHEMA,
        run=name,
        study="study",
        status="done",
        error=None,
        config_hash=run.config_hash,
        model=run.model,
        class_name=run.class_name,
        ablation=member.ablation,
        variant=member.variant,
        baseline=member.baseline,
        memberships=run.memberships,
        seed=run.seed,
        scale=run.scale,
        overrides=run.overrides,
        versions={"srbench": "0.1.0", "torch": "2.8.0"},
        git=None,
        device="cpu",
        threads=1,
        precision="32-true",
        started="2026-01-01T00:00:00+00:00",
        seconds=1.0,
        train=Training(steps=10 * LINES, final_loss=0.02),
        cost=COST,
        latency=(LATENCY,),
        scores={name: dict(zip(("psnr", "ssim"), rows.mean(0).tolist(), strict=True)) for name, rows in images.items()},
        certificates=CERTIFICATES,
        weights_sha256=DIGEST,
        fingerprints=Fingerprints(score=dict.fromkeys(IMAGES, DIGEST), cost=DIGEST),
    )


if __name__ == "__main__":
    main()
