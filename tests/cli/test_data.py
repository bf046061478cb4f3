"""The verb data, and training on DIV2K in miniature, through the real command line."""

import shutil

from srbench.cli.prepare import KINDS, OPTIONS
from srbench.data.images import read_image, write_image
from srbench.data.photos import Photos
from tests.cli.conftest import BUDGET, EVAL, TINY


def test_the_list_tells_what_there_is_and_what_is_at_hand(srbench, shared):
    shutil.copytree(shared / "data/benchmark/Set5", srbench.folder / "data/benchmark/Set5")
    (srbench.folder / "w").mkdir()
    (srbench.folder / "w/alexnet_features.safetensors").touch()
    done = srbench("data", "list", "weights_dir=nowhere:w")
    assert done.returncode == 0, done.stderr
    lines = {line.split()[0]: line for line in done.stdout.splitlines()}
    assert lines["set5"].split() == ["set5", "5", "about", "250", "MB", "not", "stated", "yes"]
    assert lines["urban100"].endswith("no")
    assert lines["manga109"].split()[2:7] == ["–,", "by", "hand", "academic", "use,"]
    assert lines["alexnet"].endswith("yes")
    assert srbench("data", "get", "Set5").stdout.startswith("set5: is there already (data/benchmark/Set5/HR, ")


def test_mistakes_are_told_in_one_line(fails):
    assert "data lst: no such command, did you mean list?" in fails("data", "lst")
    assert "data: bsd100: no such data set, did you mean b100?" in fails("data", "get", "bsd100")
    assert "needed, not 0; usage: python -m srbench data get NAME" in fails("data", "get")
    assert fails("data", "prepare", "set5", "classsr=true", "model=nope").startswith(
        "srbench: model=nope: no such model"
    )
    line = fails("data", "get", "manga109", "data_root=there")
    assert line.startswith(
        "srbench: data get manga109: cannot be downloaded: apply for it at http://www.manga109.org/en/"
    )
    assert line.endswith("into there/benchmark/Manga109/HR")


def test_help_names_every_option(srbench):
    done = srbench("data", "--help")
    lines = done.stdout.splitlines()
    assert done.returncode == 0
    assert lines[2] == "       python -m srbench data check NAME|FOLDER ... [data_root=DIR]"
    assert all(f"{option}=" in done.stdout for option in (*OPTIONS, *KINDS))
    assert "\n".join(lines[3:]).split() == srbench("data", "prepare", "--help").stdout.split()[1:]


def test_a_papers_recipe_takes_div2k_unless_told_otherwise(fails, plan):
    line = fails("recipe=carn_paper", *BUDGET, *EVAL, *TINY)
    assert line == "srbench: data=div2k: no data/DIV2K/DIV2K_valid_HR; get it with: python -m srbench data get div2k"
    for words, data in (([], "div2k"), (["data=df2k"], "df2k"), (["data=photos"], "photos")):
        assert plan("recipe=carn_paper", *words).config.data == plan(f"data={data}").config.data
    degraded = plan("recipe=carn_paper", "data.degradation=noise").config.data
    assert (degraded._target_, degraded.degradation) == ("srbench.data.folders.DIV2K", "noise")
    assert plan("recipe=supervised").config.data == plan("recipe=waifu2x_study").config.data == plan().config.data


def test_div2k_in_miniature_trains_validates_and_is_a_benchmark_set(srbench):
    for part, files in (("train", Photos().train()), ("valid", Photos().valid())):
        folder = srbench.folder / f"data/DIV2K/DIV2K_{part}_HR"
        folder.mkdir(parents=True)
        for number, file in enumerate(files):
            write_image(folder / f"{number:04}.png", read_image(file)[:64, :80])
    done = srbench("recipe=carn_paper", *BUDGET, *EVAL, *TINY, "budget.steps=2", "eval.datasets=[val,div2k]")
    assert done.returncode == 0, done.stderr
    records = {record["model"]: record for record in srbench.records("single").values()}
    assert records["carn"]["train"]["steps"] == 2
    assert records["carn"]["scores"]["val"] == records["carn"]["scores"]["div2k"]
    assert records["bicubic"]["checksums"] == records["carn"]["checksums"]  # the reference has the recipe's data, too
