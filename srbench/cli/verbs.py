"""The commands beside training: python -m srbench report | status | verify | explain | resize | profile and so on."""

import re
from fractions import Fraction
from pathlib import Path
from typing import Any

from srbench.cli.arguments import parsed
from srbench.core.errors import UserError
from srbench.core.files import write_file
from srbench.core.paths import check_place


def report(words: list[str]) -> None:
    """`report runs/STUDY [reports_dir=reports] [ntire=MODEL]`: writes the report of what is on disk."""
    from srbench.experiments.store.results import read_study
    from srbench.reports.page import summary, write_report

    usage = "report runs/STUDY [reports_dir=reports] [ntire=MODEL]"
    (study,), options = parsed(usage, words, 1, {"reports_dir": "reports", "ntire": ""})
    check_place("reports_dir", Path(options["reports_dir"]))
    folder = write_report(Path(study), Path(options["reports_dir"]), options["ntire"] or None)
    print(summary(read_study(Path(study)), options["ntire"] or None))
    print(f"report: {folder}")


def status(words: list[str]) -> None:
    """`status runs/STUDY`: one line a planned run: done, failed with its reason, or missing."""
    from srbench.experiments.store.results import read_study

    (study,), _ = parsed("status runs/STUDY", words, 1, {})
    runs = read_study(Path(study)).runs
    for row in runs.itertuples():
        print(f"{row.status!s:8} {row.run}  {row.error}".rstrip())
    print(", ".join(f"{number} {state}" for state, number in runs.status.value_counts().items()))


def resize(words: list[str]) -> None:
    """`resize IN OUT scale=1/3 [edge=symmetric]`: MATLAB's bicubic on an image, or on each image of a folder."""
    from srbench.data.images import image_files, read_image, write_image
    from srbench.data.resize import imresize

    usage = "resize IN OUT scale=1/3 [edge=symmetric|replicate]"
    (source, target), options = parsed(usage, words, 2, {"scale": "", "edge": "symmetric"})
    try:
        scale = float(Fraction(options["scale"]))
    except (ValueError, ZeroDivisionError):
        raise UserError(f"resize: scale={options['scale']}: a number or a fraction is needed: {usage}") from None
    single = not Path(source).is_dir()
    files = [Path(source)] if single else image_files(Path(source))
    for file in files:
        out = Path(target) if single else Path(target) / f"{file.stem}.png"
        try:
            resized = imresize(read_image(file), scale, options["edge"])  # type: ignore[arg-type]
        except ValueError as error:
            raise UserError(f"resize: {file}: {error}") from error
        try:
            out.parent.mkdir(parents=True, exist_ok=True)
            write_image(out, resized)
        except (OSError, ValueError) as error:
            raise UserError(f"resize: cannot write {out}: {error}") from error
        print(f"{out}: {resized.shape[1]}×{resized.shape[0]}")


def profile(words: list[str]) -> None:
    """`profile model=carn,mossnet [scale=2] [cost=all]`: what models cost by each convention, and their latency."""
    if "--help" in words or "-h" in words:
        print("usage: python -m srbench profile model=NAME,NAME [scale=2] [cost=fvcore|ntire|classsr|all]")
        print("       [latency=true] [batch=1,2,4,8,16] [size=128] [out=FILE.csv] [device=auto] [threads=auto]")
        print("       [model.KEY=VALUE ...]")
        return
    from srbench.cli.profile import profile as print_profile

    print_profile(words)


def score(words: list[str]) -> None:
    """`score SR_DIR HR_DIR scale=2`: the scores of images that are there, and their means."""
    import pandas as pd

    from srbench.cli.score import score as score_files
    from srbench.core.paths import default_places

    usage = "score SR HR scale=2 [metrics=psnr,ssim,lpips] [protocol=y] [weights_dir=DIR] [out=FILE.csv]"
    weights = default_places()["weights_dir"]
    options = {"scale": "", "metrics": "psnr,ssim,lpips", "protocol": "y", "weights_dir": weights, "out": ""}
    (sr, hr), given = parsed(usage, words, 2, options)
    if not (given["scale"].isdecimal() and int(given["scale"])):
        raise UserError(f"score: scale={given['scale']}: a number, by which the protocol crops the border: {usage}")
    out = Path(given["out"]) if given["out"] else None
    if out and (out.is_dir() or not out.parent.is_dir()):
        raise UserError(f"score: out={out}: {'is a folder' if out.is_dir() else f'no such folder: {out.parent}'}")
    if out:
        check_place("out", out.parent)
    metrics = given["metrics"].strip("[]").split(",")
    table, missing = score_files(
        Path(sr), Path(hr), int(given["scale"]), metrics, given["protocol"], given["weights_dir"]
    )
    mean = table.drop(columns="image").mean(skipna=False).to_frame().T.assign(image="mean")
    print(pd.concat([table, mean]).to_string(index=False, float_format="{:.4f}".format, na_rep="–"))
    for metric, reason in missing.items():
        print(f"{metric}: – ({reason})")
    if out:
        try:
            write_file(out.resolve(), table.to_csv(index=False).encode())
        except OSError as error:
            raise UserError(f"score: cannot write {out}: {error.strerror}") from error


def export(words: list[str]) -> None:
    """`export OUT model=NAME checkpoint=FILE [size=PIXELS]`: a network as .safetensors, .pt2 or .onnx."""
    from omegaconf import OmegaConf

    from srbench.core import progress
    from srbench.evaluation.export import check_place as check_out
    from srbench.evaluation.export import export as write
    from srbench.experiments.presets import compose_run, ready_model

    usage = "export OUT.safetensors|.pt2|.onnx model=NAME checkpoint=FILE [scale=2] [size=PIXELS] [model.KEY=VALUE ...]"
    config = [word for word in words if "=" in word and not word.startswith("size=")]
    (out,), options = parsed(usage, [word for word in words if word not in config], 1, {"size": ""})
    if options["size"] and not (options["size"].isdecimal() and int(options["size"])):
        raise UserError(f"export: size={options['size']}: a number of pixels")
    check_out(Path(out))
    run = compose_run(config)
    with progress.bar(f"exports {run.name}") as tell:
        model = ready_model(run, tell)
        settings: Any = OmegaConf.to_container(run.config.model, resolve=True)
        print(write(model, run.name, settings, Path(out), int(options["size"]) if options["size"] else None))


def upscale(words: list[str]) -> None:
    """`upscale IN OUT model=NAME checkpoint=FILE [scale=2]`: an image, or each image of a folder, to PNG."""
    if "--help" in words or "-h" in words:
        print("usage: python -m srbench upscale IN OUT model=NAME checkpoint=FILE [scale=2] [tile=auto] [overlap=64]")
        print("       [memory_gb=2] [self_ensemble=true] [device=auto] [threads=auto] [weights_dir=DIR]")
        print("       [model.KEY=VALUE ...]")
        return
    from srbench.cli.upscale import upscale as write

    write(words)


def verify(words: list[str]) -> None:
    """`verify runs/STUDY [sample=3]`: whether the scores are those of the stored images.

    SystemExit(1) where not, where images that should be there cannot be looked at, and where no score was verified.
    """
    from srbench.audits import verify
    from srbench.core import progress
    from srbench.experiments.reopen import should_keep_images

    usage = "verify runs/STUDY [sample=3|all] [data_root=DIR]"
    (study,), options = parsed(usage, words, 1, {"sample": "3", "data_root": ""})
    if options["sample"] != "all" and not (options["sample"].isdecimal() and int(options["sample"])):
        raise UserError(f"verify: sample={options['sample']}: all, or the number of images per data set and run")
    sample = None if options["sample"] == "all" else int(options["sample"])
    data_root = Path(options["data_root"]).expanduser() if options["data_root"] else None
    with progress.bar("verify") as tell:
        findings = verify.verify(Path(study), sample, tell, data_root)
    for finding in findings:
        print(finding)
    print(verify.summary(findings, sample))
    unseen = [one for one in findings if one.verdict == "unknown" and should_keep_images(Path(study) / one.run)]
    if unseen or any(one.differs or one.unverified for one in findings) or not any(one.scores for one in findings):
        raise SystemExit(1)


def explain(words: list[str]) -> None:
    """`explain runs/STUDY [mine=33.9]`: the scores of the stored images under every convention that people use."""
    usage = "explain runs/STUDY [run=NAME] [dataset=NAME] [mine=PSNR] [reports_dir=reports] [data_root=DIR]"
    options = {"run": "", "dataset": "", "mine": "", "reports_dir": "reports", "data_root": ""}
    (study,), given = parsed(usage, words, 1, options)
    if given["mine"] and not re.fullmatch(r"\d+(\.\d+)?", given["mine"]):
        raise UserError(f"explain: mine={given['mine']}: a PSNR in dB is needed: {usage}")
    import torch

    from srbench.audits import explain
    from srbench.core import hardware, progress

    check_place("reports_dir", Path(given["reports_dir"]))
    torch.set_num_threads(hardware.cores())
    data_root = Path(given["data_root"]).expanduser() if given["data_root"] else None
    with progress.bar("explain") as tell:
        explained = explain.explain(Path(study), given["run"], given["dataset"], tell, data_root)
    folder = explain.write(explained, Path(given["reports_dir"]))
    print(explain.as_text(explained, float(given["mine"]) if given["mine"] else None))
    print(f"\nexplain: {folder / 'explain.md'}, {folder / 'explain.csv'}")


def data(words: list[str]) -> None:
    """`data list | get NAME | check NAME | prepare NAME`: data sets and LPIPS's backbones."""
    from srbench.cli.data import data as run

    run(words)
