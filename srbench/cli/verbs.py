"""The table of the verbs: what each takes and what that means. Light, so that help is quick: a verb imports what it
needs when it is done."""

from pathlib import Path
from typing import Literal

from srbench.cli.arguments import Form, Verb, handed, last_place, option, place, places, switch
from srbench.cli.config_keys import (
    CHECKED_MODEL_KEY,
    CHECKPOINT_KEY,
    DATA_ROOT_KEY,
    DEFAULT_MODEL_KEY,
    DEVICE_KEY,
    LIMIT_KEY,
    MEMORY_KEY,
    MODEL_KEY,
    OF_MODEL_KEY,
    OF_WEIGHTS,
    OVERLAP_KEY,
    RANKING_MODEL_KEY,
    SCALE_KEY,
    SELF_ENSEMBLE_KEY,
    THREADS_KEY,
    TILE_KEY,
    WEIGHTS_KEY,
)
from srbench.cli.values import (
    ABOVE_ZERO,
    BOXES,
    DECIBELS,
    DIR,
    DIRS,
    FACTOR,
    NAME,
    NEW_PACK,
    NEW_TABLE,
    ON,
    PATH,
    TRUE_FALSE,
    Kind,
    choice,
    listed,
    whole,
    word_or,
)
from srbench.core.paths import default_places, weights_folders
from srbench.core.pixel_limit import MEGAPIXELS, limit_pixels
from srbench.experiments.store.boxes import Boxes

OF_DATA = "$SRBENCH_DATA, else data"
LIMIT = "larger images are neither read nor written"
ALLOWED = "what else the runs may name: classes and packages, whose code runs, variables of the environment"

_Edge = Literal["symmetric", "replicate"]
_EDGE: Kind[_Edge] = choice("symmetric", "replicate")
_Precision = Literal["32", "fp16", "int8"]
_Convention = Literal["fvcore", "ntire", "classsr", "all"]


def _data_root() -> Path:
    return Path(default_places()["data_root"]).expanduser()


def _weights() -> list[Path]:
    return weights_folders(default_places()["weights_dir"])


class ReportVerb(
    Verb,
    name="report",
    does="Writes the report of a study, or of several together, from what is on disk, and prints its summary.",
    example="report runs/carn_atrous ntire=carn",
):
    studies: tuple[Path, ...] = places("runs/STUDY|PACK.zip", PATH, "the studies' folders or packs")
    reports_dir: Path = option(DIR, "the folder below which reports are written", default=Path("reports"))
    ntire: str | None = option(
        NAME, "adds NTIRE's score of efficiency against this model, or that of a challenge: 2025 or 2026", default=None
    )
    crops: Boxes = option(BOXES, "the pieces of images to show", default_factory=dict, told="found")

    def do(self) -> bool:
        from srbench.cli.studies import report_study

        return report_study(self)


class SiteVerb(
    Verb,
    name="site",
    does="Writes a leaderboard of studies as pages that need no server: by data set, scale and protocol, and by model.",
    example="site leaderboard runs/carn_atrous published.zip",
):
    out: Path = place("OUT", PATH, "the folder for the pages, which is new, empty or an earlier site")
    studies: tuple[Path, ...] = places("runs/STUDY|PACK.zip", PATH, "the studies' folders or packs")

    def do(self) -> bool:
        from srbench.cli.leaderboard import make_site

        return make_site(self)


class PackVerb(
    Verb,
    name="pack",
    does="Makes one zip of a study, to be given away: records, weights and report, each file with its SHA-256.",
    example="pack runs/carn_atrous",
):
    study: Path = place("runs/STUDY", PATH, "the study's folder")
    pack: Path | None = last_place("OUT.zip", NEW_PACK, "the zip to write", default=None, told="STUDY.zip")
    reports_dir: Path = option(DIR, "the folder below which the study's report lies", default=Path("reports"))

    def do(self) -> bool:
        from srbench.cli.packing import make_pack

        return make_pack(self)


class UnpackVerb(
    Verb,
    name="unpack",
    does="Unpacks what pack has made, once every file is known to be what it was. Nothing else is replaced.",
    example="unpack carn_atrous.zip",
):
    pack: Path = place("PACK.zip", PATH, "the pack")
    folder: Path = last_place(
        "DIR", DIR, "the folder for runs/STUDY and reports/STUDY", default=Path(), told="the current folder"
    )

    def do(self) -> bool:
        from srbench.cli.packing import open_pack

        return open_pack(self)


class StatusVerb(
    Verb,
    name="status",
    does="Says of each planned run of a study whether it is done, running (how far), failed (and why) or missing.",
    example="status runs/carn_atrous --watch",
):
    study: Path = place("runs/STUDY", PATH, "the study's folder")
    watch: bool = switch("looks again and again, until all is done or has failed; Ctrl-C ends it")

    def do(self) -> bool:
        from srbench.cli.studies import show_status

        return show_status(self)


class VerifyVerb(
    Verb,
    name="verify",
    does="Computes scores again from the stored images. Status 1: something differs, or cannot be looked at.",
    example="verify runs/carn_atrous sample=all",
):
    study: Path = place("runs/STUDY", PATH, "the study's folder")
    sample: int | None = option(word_or("all", whole(1)), "images per data set and run", default=3)
    data_root: Path | None = option(DIR, "where the data lie now", default=None, told="where the runs found them")
    allow: tuple[str, ...] = option(listed(NAME), ALLOWED, default=(), told="none")

    def do(self) -> bool:
        from srbench.cli.studies import verify_study

        return verify_study(self)


class ExplainVerb(
    Verb,
    name="explain",
    does="Scores the stored images under every convention that people use: why is my number different?",
    example="explain runs/carn_atrous mine=33.9",
):
    study: Path = place("runs/STUDY", PATH, "the study's folder")
    run: str | None = option(NAME, "the run, by its folder, or all", default=None, told="the first that keep images")
    dataset: str | None = option(NAME, "the data set", default=None, told="all")
    mine: float | None = option(DECIBELS, "a PSNR in dB; conventions that come near are named", default=None)
    reports_dir: Path = option(DIR, "the folder below which explain.md and explain.csv go", default=Path("reports"))
    data_root: Path | None = option(DIR, "where the data lie now", default=None, told="where the runs found them")
    allow: tuple[str, ...] = option(listed(NAME), ALLOWED, default=(), told="none")

    def do(self) -> bool:
        from srbench.cli.studies import explain_study

        return explain_study(self)


class ResizeVerb(
    Verb,
    name="resize",
    does="Resizes an image, or each image of a folder, as MATLAB's bicubic imresize does, bit for bit.",
    example="resize in.png out.png scale=1/3 edge=replicate",
):
    source: Path = place("IN", PATH, "an image, or a folder of images")
    target: Path = place("OUT", PATH, "the file to write, or the folder for PNG files")
    scale: float = option(FACTOR, "by which both sides are multiplied")
    edge: _Edge = option(_EDGE, "what lies beyond the border: as MATLAB does now, or did once", default="symmetric")
    max_megapixels: float = option(ABOVE_ZERO, LIMIT, default=MEGAPIXELS, told=f"{MEGAPIXELS:g}")

    def do(self) -> bool:
        from srbench.cli.own_images import resize_images

        limit_pixels(self.max_megapixels)
        return resize_images(self)


class ScoreVerb(
    Verb,
    name="score",
    does="Scores SR images that you have against their HR images: a row an image, and the means.",
    example="score SR_DIR HR_DIR scale=2 metrics=psnr,ssim",
):
    sr: Path = place("SR", PATH, "an image, or a folder of images named as those of HR; a suffix is allowed: babyx2")
    hr: Path = place("HR", PATH, "an image, or a folder of images")
    scale: int = option(whole(1), "by which the protocol crops the border")
    metrics: tuple[str, ...] = option(listed(NAME), "columns of the table", default=("psnr", "ssim", "lpips"))
    protocol: str = option(NAME, "how SR is compared with HR: a file of conf/protocol", default="y")
    channels: Literal["3", "1"] = option(
        choice("3", "1"),
        "that images are read with: grey becomes RGB, or stays as data.channels=1 scores it",
        default="3",
    )
    weights_dir: list[Path] = option(
        DIRS, "where weights of metrics are looked for", default_factory=_weights, told=OF_WEIGHTS
    )
    out: Path | None = option(NEW_TABLE, "writes the table there, too", default=None)
    max_megapixels: float = option(ABOVE_ZERO, LIMIT, default=MEGAPIXELS, told=f"{MEGAPIXELS:g}")

    def do(self) -> bool:
        from srbench.cli.own_images import score_images

        limit_pixels(self.max_megapixels)
        return score_images(self)


class UpscaleVerb(
    Verb,
    name="upscale",
    does="Writes what a trained network makes of an image, or of each image of a folder, as PNG files.",
    example="upscale in.png out.png model=safmn checkpoint=safmn",
):
    source: Path = place("IN", PATH, "an image, or a folder of images")
    target: Path = place("OUT", PATH, "the PNG file to write, or the folder for them")
    config: tuple[str, ...] = handed(
        MODEL_KEY,
        OF_MODEL_KEY,
        CHECKPOINT_KEY,
        SCALE_KEY,
        TILE_KEY,
        OVERLAP_KEY,
        MEMORY_KEY,
        SELF_ENSEMBLE_KEY,
        DEVICE_KEY,
        THREADS_KEY,
        WEIGHTS_KEY,
        LIMIT_KEY,
    )

    def do(self) -> bool:
        from srbench.cli.trained import upscale_images

        return upscale_images(self)


class ExportVerb(
    Verb,
    name="export",
    does="Writes a trained network as one file, and proves that the file gives the same picture.",
    example="export net.onnx model=carn_m checkpoint=carn_m",
):
    target: Path = place("OUT", PATH, "a file whose suffix says the form: .safetensors, .pt2 or .onnx")
    size: int | None = option(
        whole(1, "PIXELS"), "the one side of LR that it is for", default=None, told="any, where torch can"
    )
    precision: _Precision = option(
        choice("32", "fp16", "int8"),
        "of an .onnx file; what a lower one costs is measured, on Set5 where it is",
        default="32",
    )
    config: tuple[str, ...] = handed(
        DEFAULT_MODEL_KEY, OF_MODEL_KEY, CHECKPOINT_KEY, SCALE_KEY, WEIGHTS_KEY, DATA_ROOT_KEY
    )

    def do(self) -> bool:
        from srbench.cli.trained import export_network

        return export_network(self)


class ModelsVerb(
    Verb,
    name="models",
    does="Lists the networks: parameters by scale, published weights with licence and training data, paper.",
    example="models carn*",
):
    pattern: str = last_place("NAME", NAME, "those whose names fit, as in carn*", default="*", told="all")

    def do(self) -> bool:
        from srbench.cli.model_list import show_models

        return show_models(self)


class CheckVerb(
    Verb,
    name="check",
    does="Looks whether a network of one's own, or a metric, is fit for srbench. Status 1: a must is red.",
    example="check model=fsrcnn",
    forms={
        "": Form(needs=("model",), takes=("model.KEY", "checkpoint", "scale", "device", "threads")),
        "metric": Form(),
    },
):
    metric: str | None = option(NAME, "the metric to check, in place of a network", default=None)
    weights_dir: list[Path] = option(DIRS, "where weights are looked for", default_factory=_weights, told=OF_WEIGHTS)
    config: tuple[str, ...] = handed(
        CHECKED_MODEL_KEY, OF_MODEL_KEY, CHECKPOINT_KEY, SCALE_KEY, DEVICE_KEY, THREADS_KEY
    )

    def do(self) -> bool:
        from srbench.cli.checking import check_one

        return check_one(self)


class ProfileVerb(
    Verb,
    name="profile",
    does="Prints what networks cost, side by side, without data, training or weights.",
    example="profile model=mdrn_s,gfmn scale=4 cost=all",
):
    model: tuple[str, ...] = option(
        listed(NAME), "networks, by their names in conf/model", default=(), told="none; needed without onnx="
    )
    onnx: tuple[Path, ...] = option(
        listed(PATH), "exported files, timed one image at a time by onnxruntime on the CPU", default=(), told="none"
    )
    scale: int | None = option(
        whole(1), "the networks' scale", default=None, told="2, or the nearest that a network has"
    )
    cost: tuple[_Convention, ...] = option(
        listed(choice("fvcore", "ntire", "classsr", "all")),
        "the conventions to count by; where fvcore is named, it is run, too",
        default=(),
        told="fvcore, not run",
    )
    latency: bool = option(TRUE_FALSE, "whether time and memory are measured, too", default=True)
    batch: tuple[int, ...] = option(listed(whole(1)), "batch sizes to measure", default=(1, 2, 4, 8, 16))
    size: int = option(whole(1, "PIXELS"), "the side of LR to measure with", default=128)
    out: Path | None = option(NEW_TABLE, "writes the tables there, as one", default=None)
    config: tuple[str, ...] = handed(OF_MODEL_KEY, DEVICE_KEY, THREADS_KEY)

    def do(self) -> bool:
        from srbench.cli.profile import profile

        return profile(self)


class DataListVerb(
    Verb,
    name="data list",
    does="Lists the data sets and weights of metrics that can be had, with licences, and which are at hand.",
    example="data list",
):
    markdown: bool = switch("prints datasets.md instead")
    data_root: Path = option(DIR, "where data lie", default_factory=_data_root, told=OF_DATA)
    weights_dir: list[Path] = option(DIRS, "where weights lie", default_factory=_weights, told=OF_WEIGHTS)

    def do(self) -> bool:
        from srbench.cli.data import list_data

        return list_data(self)


class DataGetVerb(
    Verb,
    name="data get",
    does="Downloads a data set, or the weights of a metric, and checks what came.",
    example="data get set5",
):
    wanted: str = place("NAME", NAME, "as `data list` names it")
    data_root: Path = option(DIR, "where data are put", default_factory=_data_root, told=OF_DATA)
    weights_dir: list[Path] = option(DIRS, "where weights are put", default_factory=_weights, told=OF_WEIGHTS)
    patience: int | None = option(
        whole(1, "SECONDS"), "weights: to wait for an answer, then to give up", default=None, told="30, four times"
    )

    def do(self) -> bool:
        from srbench.cli.data import get_data

        return get_data(self)


class DataCheckVerb(
    Verb,
    name="data check",
    does="Looks at every image of data sets. Status 1: something is wrong.",
    example="data check set5 urban100",
):
    sets: tuple[str, ...] = places("NAME|FOLDER", NAME, "data sets, by name or folder")
    data_root: Path = option(DIR, "where data lie", default_factory=_data_root, told=OF_DATA)
    max_megapixels: float = option(ABOVE_ZERO, LIMIT, default=MEGAPIXELS, told=f"{MEGAPIXELS:g}")

    def do(self) -> bool:
        from srbench.cli.data import check_data

        limit_pixels(self.max_megapixels)
        return check_data(self)


class DataPrepareVerb(
    Verb,
    name="data prepare",
    does="Makes from HR images what takes long: LR images, or what one of sub_images, cache and classsr says.",
    example="data prepare div2k sub_images=480 step=240",
    forms={
        "": Form(takes=("scale", "edge", "out")),
        "sub_images": Form(needs=("step",), takes=("thresh", "scale", "edge", "out")),
        "cache": Form(takes=("scale",)),
        "classsr": Form(needs=("model",), takes=("model.KEY", "checkpoint", "weights_dir", "device", "out")),
    },
):
    images: str = place("NAME|FOLDER", NAME, "a data set, by name or folder")
    sub_images: int | None = option(whole(1, "PIXELS"), "cuts HR and LR into files of this side of HR", default=None)
    step: int | None = option(whole(1, "PIXELS"), "from one sub-image to the next", default=None)
    thresh: int = option(whole(0, "PIXELS"), "what may be left over at a side without one more", default=0)
    cache: bool = option(ON, "makes what training maps when images do not fit into memory", default=False, told="off")
    classsr: bool = option(ON, "makes ClassSR's windows, ranked by the network", default=False, told="off")
    scale: tuple[int, ...] = option(listed(whole(2)), "scales of LR", default=(2, 3, 4))
    edge: _Edge = option(_EDGE, "of the bicubic resize: as MATLAB does now, or did once", default="symmetric")
    out: Path | None = option(DIR, "where it is written", default=None, told="beside HR")
    jobs: int | None = option(
        word_or("auto", whole(1)), "processes at a time", default=None, told="auto, as many as cores"
    )
    data_root: Path = option(DIR, "where data lie", default_factory=_data_root, told=OF_DATA)
    max_megapixels: float = option(ABOVE_ZERO, LIMIT, default=MEGAPIXELS, told=f"{MEGAPIXELS:g}")
    config: tuple[str, ...] = handed(RANKING_MODEL_KEY, OF_MODEL_KEY, CHECKPOINT_KEY, WEIGHTS_KEY, DEVICE_KEY)

    def do(self) -> bool:
        from srbench.cli.hr_products import prepare_data

        limit_pixels(self.max_megapixels)
        return prepare_data(self)


class SchemaVerb(
    Verb,
    name="schema",
    does="Writes the JSON Schemas of configs, ablations and sweeps, for editors, and of result.json.",
    example="schema docs",
):
    out: Path = place("OUT", PATH, "the folder for NAME.schema.json")

    def do(self) -> bool:
        from srbench.cli.schema_files import write_schemas

        return write_schemas(self)


VERBS: tuple[type[Verb], ...] = (
    ReportVerb,
    SiteVerb,
    PackVerb,
    UnpackVerb,
    StatusVerb,
    VerifyVerb,
    ExplainVerb,
    ResizeVerb,
    ScoreVerb,
    UpscaleVerb,
    ExportVerb,
    ModelsVerb,
    CheckVerb,
    ProfileVerb,
    DataListVerb,
    DataGetVerb,
    DataCheckVerb,
    DataPrepareVerb,
    SchemaVerb,
)
