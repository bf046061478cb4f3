"""The table of the verbs: their help, the values that their words become, and what is said of wrong words."""

import os
import subprocess
import sys
from pathlib import Path
from typing import get_args

import pytest
from omegaconf import OmegaConf

from srbench.cli.arguments import config_keys_of, options_of, places_of
from srbench.cli.parse import parse
from srbench.cli.verbs import (
    VERBS,
    DataCheckVerb,
    DataGetVerb,
    DataListVerb,
    DataPrepareVerb,
    ExplainVerb,
    ExportVerb,
    PackVerb,
    ProfileVerb,
    ReportVerb,
    ResizeVerb,
    ScoreVerb,
    SiteVerb,
    StatusVerb,
    UnpackVerb,
    UpscaleVerb,
    VerifyVerb,
)
from srbench.core.errors import UserError
from srbench.core.paths import conf_folder
from srbench.data.resize import Edge
from srbench.metrics.flops import Convention

ROOT = Path(__file__).parents[2]
NAMES = [verb.about.name for verb in VERBS]

# What each has taken since before there was a table; where a default is told, with it.
TAKES = {
    "report": "runs/STUDY|PACK.zip reports_dir=reports ntire=",
    "site": "OUT runs/STUDY|PACK.zip",
    "pack": "runs/STUDY OUT.zip reports_dir=reports",
    "unpack": "PACK.zip DIR",
    "status": "runs/STUDY",
    "verify": "runs/STUDY sample=3 data_root= allow=",
    "explain": "runs/STUDY run= dataset= mine= reports_dir=reports data_root= allow=",
    "resize": "IN OUT scale= edge=symmetric max_megapixels=1000",
    "score": "SR HR scale= metrics=psnr,ssim,lpips protocol=y weights_dir= out= max_megapixels=1000",
    "upscale": "IN OUT model= checkpoint= scale=2 tile=auto overlap=64 memory_gb=2 self_ensemble=false device=auto "
    "threads=auto weights_dir= max_megapixels=1000 model.KEY=",
    "export": "OUT size= precision=32 model=carn checkpoint= scale=2 weights_dir= data_root= model.KEY=",
    "models": "NAME",
    "check": "metric= weights_dir= model= model.KEY= checkpoint= scale=2 device=auto threads=auto",
    "profile": "model= onnx= scale= cost=fvcore latency=true batch=1,2,4,8,16 size=128 out= device=auto threads=auto "
    "model.KEY=",
    "schema": "OUT",
    "data list": "--markdown data_root= weights_dir=",
    "data get": "NAME data_root= weights_dir= patience=",
    "data check": "NAME|FOLDER data_root= max_megapixels=1000",
    "data prepare": "NAME|FOLDER scale=2,3,4 edge=symmetric out= sub_images= step= thresh=0 cache= classsr= model= "
    "checkpoint= jobs=auto data_root= max_megapixels=1000",
}


@pytest.mark.parametrize("name", NAMES)
def test_help_says_of_each_place_and_option_what_it_means_and_its_default(door, name):
    done = door(*name.split(), "--help")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith(f"usage: python -m srbench {name} ")
    assert all(len(line) < 140 for line in done.stdout.splitlines())
    usage = " ".join(done.stdout.partition("\n\n")[0].split())
    told = done.stdout.partition("\n\n")[2].replace("\n" + " " * 26, "  ")  # what did not fit beside its option
    for word in TAKES[name].split():
        key, equals, default = word.partition("=")
        assert f"{key}{equals}" in usage
        (line,) = [line for line in told.splitlines() if line.startswith(f"  {key}{equals}")]
        meaning = line[2:].partition("  ")[2].strip()
        assert len(meaning.split()) > 1
        assert not default or f"(default: {default}" in meaning


@pytest.mark.parametrize("verb", VERBS, ids=NAMES)
def test_help_names_what_the_verb_takes_and_nothing_is_taken_that_it_does_not_name(door, verb):
    told = door(*verb.about.name.split(), "--help").stdout
    for one in (*places_of(verb).values(), *options_of(verb).values(), *config_keys_of(verb).values()):
        assert one.means in told
    assert verb.about.does in told
    assert f"example: python -m srbench {verb.about.example}\n" in told


@pytest.mark.parametrize("verb", VERBS, ids=NAMES)
def test_the_example_of_a_verb_is_one(verb):
    name, example = verb.about.name.split(), verb.about.example.split()
    assert example[: len(name)] == name
    assert isinstance(parse(verb, example[len(name) :]), verb)


@pytest.mark.parametrize("verb", VERBS, ids=NAMES)
def test_the_defaults_of_keys_that_are_handed_to_the_config_are_the_configs(verb):
    config = OmegaConf.to_container(OmegaConf.load(conf_folder() / "config.yaml"))
    chosen = {key: name for entry in config["defaults"] if isinstance(entry, dict) for key, name in entry.items()}
    known = {"": chosen | config, "eval.": config["eval"]}
    for key in config_keys_of(verb).values():
        if key.default and not key.default.startswith("$"):
            assert key.default == str(known[key.group][key.name]).lower()


def test_choices_are_those_of_the_code_that_takes_them():
    for edge in get_args(Edge):
        assert parse(ResizeVerb, ["a", "b", "scale=2", f"edge={edge}"]).edge == edge
    conventions = get_args(Convention)
    assert parse(ProfileVerb, ["model=a", f"cost={','.join(conventions)}"]).cost == conventions


def test_hydras_help_and_the_readme_name_every_verb():
    for page in ("conf/hydra/help/srbench.yaml", "README.md"):
        text = (ROOT / page).read_text()
        for first, _, second in (name.partition(" ") for name in NAMES):
            line = next(line for line in text.splitlines() if line.strip().startswith(f"python -m srbench {first} "))
            assert second in line


def test_data_alone_shows_its_verbs(door):
    for words in (["data"], ["data", "--help"], ["data", "-h"]):
        done = door(*words)
        assert done.returncode == 0
        assert all(f"  {name}  " in done.stdout for name in ("list", "get", "check", "prepare"))


def test_help_of_a_verb_imports_nothing_heavy():
    code = "import sys; sys.argv = ['srbench', 'profile', '--help']; from srbench.__main__ import main; main()\n"
    code += "heavy = ('torch', 'hydra', 'omegaconf', 'numpy', 'pandas', 'rich', 'yaml')\n"
    code += "print([name for name in heavy if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.endswith("\n[]\n")


HOME = Path.home()


@pytest.mark.parametrize(
    ("words", "asked"),
    [
        ("runs/a b.zip", ReportVerb(studies=(Path("runs/a"), Path("b.zip")))),
        ("~/a reports_dir=~/r ntire=carn", ReportVerb(studies=(HOME / "a",), reports_dir=HOME / "r", ntire="carn")),
        ("o runs/a b.zip", SiteVerb(out=Path("o"), studies=(Path("runs/a"), Path("b.zip")))),
        ("runs/a", PackVerb(study=Path("runs/a"))),
        ("runs/a b.zip", PackVerb(study=Path("runs/a"), pack=Path("b.zip"))),
        ("b.zip", UnpackVerb(pack=Path("b.zip"))),
        ("b.zip there", UnpackVerb(pack=Path("b.zip"), folder=Path("there"))),
        ("runs/a=1", StatusVerb(study=Path("runs/a=1"))),
        ("a sample=all", VerifyVerb(study=Path("a"), sample=None)),
        ("sample=5 a data_root=d", VerifyVerb(study=Path("a"), sample=5, data_root=Path("d"))),
        ("a mine=33.9 run=b", ExplainVerb(study=Path("a"), mine=33.9, run="b")),
        ("a mine=30 mine=31 run= dataset=", ExplainVerb(study=Path("a"), mine=31.0)),
        ("a b scale=1/4", ResizeVerb(source=Path("a"), target=Path("b"), scale=0.25)),
        ("a b scale=1.5 edge=replicate", ResizeVerb(source=Path("a"), target=Path("b"), scale=1.5, edge="replicate")),
        (
            "s h scale=4 metrics=[psnr,niqe] protocol=rgb weights_dir=v:w out=t.csv",
            ScoreVerb(
                sr=Path("s"),
                hr=Path("h"),
                scale=4,
                metrics=("psnr", "niqe"),
                protocol="rgb",
                weights_dir=[Path("v"), Path("w")],
                out=Path("t.csv"),
            ),
        ),
        (
            "a b model=carn +model.width=8 scale=4 tile=null self_ensemble=true",
            UpscaleVerb(
                source=Path("a"),
                target=Path("b"),
                config=("model=carn", "+model.width=8", "scale=4", "eval.tile=null", "eval.self_ensemble=true"),
            ),
        ),
        ("a b model._target_=x.Y", UpscaleVerb(source=Path("a"), target=Path("b"), config=("model._target_=x.Y",))),
        ("o.pt2 size=64 checkpoint=f", ExportVerb(target=Path("o.pt2"), size=64, config=("checkpoint=f",))),
        ("model=a,b,a", ProfileVerb(model=("a", "b"), config=())),
        (
            "model=a batch=[1,4] latency=false cost=all device=cpu ~model.scale",
            ProfileVerb(
                model=("a",), batch=(1, 4), latency=False, cost=("all",), config=("device=cpu", "~model.scale")
            ),
        ),
        (
            "--markdown data_root=d weights_dir=w",
            DataListVerb(markdown=True, data_root=Path("d"), weights_dir=[Path("w")]),
        ),
        ("set5 patience=5", DataGetVerb(wanted="set5", patience=5)),
        ("set5 data_root=d weights_dir=w", DataGetVerb(wanted="set5", data_root=Path("d"), weights_dir=[Path("w")])),
        ("a b/c data_root=d", DataCheckVerb(sets=("a", "b/c"), data_root=Path("d"))),
        (
            "div2k sub_images=480 step=240 scale=2 jobs=3 data_root=d",
            DataPrepareVerb(
                images="div2k", sub_images=480, step=240, scale=(2,), jobs=3, data_root=Path("d"), config=()
            ),
        ),
        (
            "div2k classsr=true model=rcan model.width=8 checkpoint=c data_root=d",
            DataPrepareVerb(
                images="div2k",
                classsr=True,
                data_root=Path("d"),
                config=("model=rcan", "model.width=8", "checkpoint=c"),
            ),
        ),
    ],
)
def test_words_become_typed_values(words, asked):
    assert parse(type(asked), words.split()) == asked


def test_a_word_with_an_equals_sign_is_a_place_where_there_is_such_a_file(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("run=1.png").touch()
    assert parse(ResizeVerb, ["run=1.png", "./run=2.png", "scale=2"]).source == Path("run=1.png")
    with pytest.raises(UserError, match="resize: run=: no such option"):
        parse(ResizeVerb, ["run=1.png", "run=2.png", "scale=2"])


def test_data_lie_where_the_environment_says(monkeypatch):
    monkeypatch.setenv("SRBENCH_DATA", "elsewhere")
    monkeypatch.setenv("SRBENCH_WEIGHTS", "a:b")
    asked = parse(DataListVerb, [])
    assert (asked.data_root, asked.weights_dir) == (Path("elsewhere"), [Path("a"), Path("b")])
    monkeypatch.delenv("SRBENCH_DATA")
    monkeypatch.delenv("SRBENCH_WEIGHTS")
    asked = parse(DataListVerb, [])
    assert (asked.data_root, asked.weights_dir) == (Path("data"), [HOME / ".cache/srbench/weights"])


@pytest.mark.parametrize(
    ("words", "line"),
    [
        ("report", "report: runs/STUDY|PACK.zip is needed, not 0 places"),
        ("pack", "pack: runs/STUDY is needed, not 0 places"),
        ("unpack a b c", "unpack: PACK.zip is needed, not 3 places (a, b, c)"),
        ("pack a b.tar", "pack: OUT.zip=b.tar: a name that ends in .zip is needed"),
        ("status a b", "status: runs/STUDY is needed, not 2 places (a, b)"),
        ("resize a scale=2", "resize: IN and OUT are needed, not 1 place (a)"),
        ("data check", "data check: NAME|FOLDER is needed, not 0 places"),
        ("data list a", "data list: no place is needed, not 1 place (a)"),
        ("resize a b", "resize: scale=: must be given"),
        ("resize a b scale=", "resize: scale=: must be given"),
        ("upscale a b checkpoint=c", "upscale: model=: must be given"),
        ("resize a b scal=2", "resize: scal=: no such option, did you mean scale? (also: edge, "),
        ("upscale a b modl=carn", "upscale: modl=: no such option, did you mean model? (also: "),
        ("export o.pt2 chekpoint=c", "export: chekpoint=: no such option, did you mean checkpoint? (also: "),
        ("data list --markdwn", "data list: --markdwn: no such option, did you mean --markdown? (also: "),
        ("data list --markdown=true", "data list: --markdown=: no such option"),
        ("status a --wach", "status: --wach: no such option"),
        ("resize a b scale=half", "resize: scale=half: a number or a fraction is needed"),
        ("resize a b scale=1/0", "resize: scale=1/0: a number or a fraction is needed"),
        ("resize a b scale=2 edge=mirror", "resize: edge=mirror: no such choice (there are replicate, symmetric)"),
        ("score a b scale=2.5", "score: scale=2.5: a whole number from 1 on is needed"),
        ("score a b scale=0", "score: scale=0: a whole number from 1 on is needed"),
        ("score a b scale=2 metrics=psnr,,ssim", "score: metrics=psnr,,ssim: nothing between commas: a name is needed"),
        ("score a b scale=2 out=none/x.csv", "score: out=none/x.csv: no such folder: none"),
        ("score a b scale=2 out=there", "score: out=there: is a folder; name a file"),
        ("export o.pt2 size=big", "export: size=big: a whole number from 1 on is needed"),
        ("verify a sample=some", "verify: sample=some: all, or a whole number from 1 on is needed"),
        ("explain a mine=good", "explain: mine=good: a PSNR in dB is needed"),
        ("explain a mine=-3", "explain: mine=-3: a PSNR in dB is needed"),
        ("profile model=a batch=1,0", "profile: batch=1,0: 0: a whole number from 1 on is needed"),
        ("profile model=a latency=yes", "profile: latency=yes: true or false"),
        ("profile model=a cost=ntir", "profile: cost=ntir: no such choice, did you mean ntire? (also: all, "),
        ("data prepare a scale=2,1", "data prepare: scale=2,1: 1: a whole number from 2 on is needed"),
        ("data prepare a cache=yes", "data prepare: cache=yes: true, or leave it out"),
        ("data prepare a jobs=0", "data prepare: jobs=0: auto, or a whole number from 1 on is needed"),
        ("data prepare a cache=true classsr=true", "data prepare: cache= and classsr= are made one at a time"),
        ("data prepare a cache=true edge=replicate", "data prepare: edge= does not go with cache="),
        ("data prepare a step=2", "data prepare: step= goes with sub_images= only"),
        ("data prepare a device=cpu", "data prepare: device= goes with classsr= only"),
        ("data prepare a sub_images=2", "data prepare: step=: must be given with sub_images="),
        ("data prepare a classsr=true", "data prepare: model=: must be given with classsr="),
    ],
)
def test_wrong_words_are_told_with_the_key_and_how_to_see_the_usage(mistake, words, line):
    Path("there").mkdir()
    told = mistake(*words.split())
    assert told.startswith(line)
    name = line.partition(":")[0]
    assert told.endswith(f"; see: python -m srbench {name} --help")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_table_that_cannot_be_written_is_told_before_it_is_made(tmp_path):
    tmp_path.chmod(0o500)
    with pytest.raises(UserError, match=f"score: out={tmp_path}/t.csv: {tmp_path} cannot be written"):
        parse(ScoreVerb, ["a", "b", "scale=2", f"out={tmp_path}/t.csv"])
