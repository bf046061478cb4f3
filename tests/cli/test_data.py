"""The verb data, and training on DIV2K in miniature, through the real command line."""

import shutil
from pathlib import Path

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


def test_the_list_as_markdown_is_the_page_of_data_sets(door):
    done = door("data", "list", "--markdown")
    assert (done.returncode, done.stdout) == (0, (Path(__file__).parents[2] / "datasets.md").read_text())


def test_what_must_be_applied_for_says_where_and_where_to_put_it(mistake):
    line = mistake("data", "get", "manga109", "data_root=there")
    assert line.startswith("data get manga109: cannot be downloaded: apply for it at http://www.manga109.org/en/")
    assert line.endswith("into there/benchmark/Manga109/HR")


def test_a_papers_recipe_takes_div2k_unless_told_otherwise(mistake, plan):
    line = mistake("recipe=carn_paper", *BUDGET, *EVAL, *TINY)
    assert line == "data=div2k: no data/DIV2K/DIV2K_train_HR; get it with: python -m srbench data get div2k"
    for words, data in (([], "div2k"), (["data=df2k"], "df2k"), (["data=photos"], "photos")):
        assert plan("recipe=carn_paper", *words).data == plan(f"data={data}").data
    degraded = plan("recipe=carn_paper", "data.degradation=noise").data
    assert degraded.component.target == "srbench.data.folders.DIV2K"
    assert [step.name for step in degraded.degradation.facts] == ["noise"]
    assert plan("recipe=supervised").data == plan("recipe=waifu2x_study").data == plan().data


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
    digests = [[one["hr_sha256"] for one in record["certificates"].values()] for record in records.values()]
    assert digests[0] == digests[1]  # the reference has the recipe's data, too
    assert len(set(digests[0])) == 1
