"""The verb data, and training on DIV2K in miniature, through the real command line."""

import shutil

from tests.cli.conftest import BUDGET, EVAL, TINY, make_images


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
    assert "1 places are needed, not 0; usage: python -m srbench data get NAME" in fails("data", "get")
    line = fails("data", "get", "manga109", "data_root=there")
    assert line.startswith(
        "srbench: data get manga109: cannot be downloaded: apply for it at http://www.manga109.org/en/"
    )
    assert line.endswith("into there/benchmark/Manga109/HR")


def test_div2k_trains_validates_and_is_a_benchmark_set(srbench):
    make_images(srbench.folder / "data/DIV2K/DIV2K_train_HR", 3)
    make_images(srbench.folder / "data/DIV2K/DIV2K_valid_HR", 2)
    done = srbench("data=div2k", *BUDGET, *EVAL, *TINY, "budget.steps=2", "eval.datasets=[val,div2k]")
    assert done.returncode == 0, done.stderr
    (record,) = (record for record in srbench.records("single").values() if record["model"] == "carn")
    assert record["train"]["steps"] == 2
    assert record["scores"]["val"] == record["scores"]["div2k"]
