"""What a run does of its steps when it is asked again, and what its record says of the images."""

import csv
import logging
import multiprocessing
import shutil
import threading
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from torch.nn import functional

from srbench.core import hardware
from srbench.core.errors import FailedRunError
from srbench.core.heartbeat import heartbeat
from srbench.data.digests import image_digest
from srbench.data.images import read_image, write_image
from srbench.data.lr_source import LrSource
from srbench.data.resize import imresize
from srbench.experiments.inputs import left_of_run, wanted
from srbench.experiments.recording import record_death
from srbench.experiments.run import run
from srbench.experiments.run_folder import forget
from srbench.experiments.store.record import read_record, write_record
from srbench.experiments.store.scores import read_rows, sr_file
from srbench.metrics import cost
from srbench.models.weights import digest
from tests.tiny_runs import HERE, SHORT, TINY, carried_out, quiet

FORK = multiprocessing.get_context("forkserver")


def works_on(folder, pipe):
    with heartbeat(folder, quiet):
        pipe.send("works")
        with suppress(EOFError):
            pipe.recv()


def left(one):
    return left_of_run(one, wanted(one)).steps


def matlab(hr):
    return imresize(hr, 0.5)


def torch_bicubic(hr):
    image = torch.from_numpy(hr).permute(2, 0, 1)[None].float()
    small = functional.interpolate(image, scale_factor=0.5, mode="bicubic")
    return small[0].permute(1, 2, 0).clamp(0, 255).round().byte().numpy()


def make_set(root: Path, name: str, sizes: list[int], shrink=matlab, seed: int = 0) -> None:
    rng = np.random.default_rng(seed)
    for part in ("HR", "LR_bicubic/X2"):
        (root / "benchmark" / name / part).mkdir(parents=True)
    for number, size in enumerate(sizes):
        hr = imresize(rng.integers(0, 256, (size // 4, size // 4, 3), np.uint8), 4.0)
        write_image(root / "benchmark" / name / "HR" / f"{number}.png", hr)
        write_image(root / "benchmark" / name / "LR_bicubic/X2" / f"{number}x2.png", shrink(hr))


@pytest.fixture
def bicubic(plan, tmp_path, monkeypatch):
    """bicubic("eval.datasets=[a]"): that run, in a study of this test's."""
    monkeypatch.chdir(tmp_path)
    fixed = ["model=bicubic", "budget=none", "eval.latency=false", "data_root=data", "study=study"]
    return lambda *words: plan(*fixed, *words)


# What is done again


def test_a_run_that_is_done_is_done(carn):
    record = carried_out(carn())
    assert record.status == "done"
    assert left(carn()) == ()
    again = carried_out(carn())
    assert again == replace(record, seconds=again.seconds)


def test_a_run_does_nothing_that_was_not_asked_for(carn):
    record = carried_out(carn("eval.datasets=[]"))
    assert (record.status, record.scores, record.train.steps) == ("done", {}, 2)
    assert not (carn().folder / "images").exists()


def test_the_log_says_what_repeats_the_run_where_it_writes_and_how_it_ended(carn, caplog):
    caplog.set_level(logging.INFO, logger="srbench")
    record, one = carried_out(carn()), carn()
    command, place, *_, end = [line.partition(" ")[2] for line in (one.folder / "run.log").read_text().splitlines()]
    assert "python -m srbench model=carn" in command
    assert place.endswith(f"writes to {one.folder}")
    assert f"done: val PSNR {record.scores['val']['psnr']:.4g} (in all {record.seconds:.0f} s)" in end


def test_an_evaluation_that_is_asked_for_later_needs_no_training(carn):
    first = carried_out(carn("eval.datasets=[]"))
    assert left(carn()) == ("score val (psnr)",)
    assert carried_out(carn()).train == first.train


def test_latency_that_is_asked_for_later_is_measured_and_nothing_else(carn):
    carried_out(carn())
    asked = carn("eval.latency=true")
    assert left(asked) == ("latency",)
    scores = (asked.folder / "scores.csv").stat().st_mtime_ns
    assert carried_out(asked).latency[0].median_ms > 0
    assert (asked.folder / "scores.csv").stat().st_mtime_ns == scores
    assert left(carn("eval.latency=true", "device=cpu")) == ()
    assert left(carn("eval.latency=true", "threads=7")) == ("latency",)


def test_of_a_run_that_is_to_begin_anew_nothing_is_left(carn):
    carried_out(carn())
    forget(carn().folder)
    assert {path.name for path in carn().folder.iterdir()} == {"config.yaml", "run.log", "stages"}
    assert not any((carn().folder / "stages").iterdir())
    assert left(carn()) == ("train", "score val (psnr)", "cost")


# What is done is not lost


class Interrupted:
    """Hears of a run, and interrupts it where a step tells of `stage`."""

    def __init__(self, stage):
        self.stage = stage

    def __call__(self, part, stage, done, total):
        if stage.startswith(self.stage):
            raise KeyboardInterrupt


def test_data_sets_that_are_done_stay_where_the_next_is_interrupted(bicubic, shared):
    one = bicubic("eval.datasets=[set5,val]", "eval.metrics=[psnr]", f"data_root={shared / 'data'}")
    with pytest.raises(KeyboardInterrupt):
        run(one, HERE, Interrupted("evaluates val"))
    record = read_record(one.folder)
    assert (record.status, record.error, list(record.scores)) == ("failed", None, ["set5"])
    assert left(one) == ("score val (psnr)", "cost")
    assert list(carried_out(one).scores) == ["set5", "val"]


def test_a_run_that_is_done_stays_done_while_more_is_asked_of_it(carn):
    carried_out(carn())
    with pytest.raises(KeyboardInterrupt):
        run(carn("eval.metrics=[psnr,ssim]"), HERE, Interrupted(""))
    assert read_record(carn().folder).status == "done"


def test_the_seconds_of_a_run_are_those_of_all_its_sessions(carn):
    one = carn("budget.steps=40", "budget.val_every=2")
    with pytest.raises(KeyboardInterrupt):
        run(one, HERE, Interrupted("loss"))
    assert (one.folder / "last.ckpt").is_file()
    record = carried_out(one)
    first, second = record.train.stages[0].sessions
    assert second.after_step > 0
    assert record.seconds >= first.seconds + second.seconds > 0


def test_a_latency_for_which_there_was_no_memory_is_measured_by_the_next_command(carn, monkeypatch):
    def full(*_, **__):
        raise torch.OutOfMemoryError("there is none left")

    with monkeypatch.context() as once:
        once.setattr(cost, "latency", full)
        (missing,) = carried_out(carn("eval.latency=true")).missing
    assert (missing.what, missing.kind) == ("latency", "memory")
    assert missing.reason.endswith("there is none left")
    assert left(carn("eval.latency=true")) == ("latency",)
    again = carried_out(carn("eval.latency=true"))
    assert (len(again.latency), again.missing) == (1, ())


def test_a_training_whose_last_stage_is_taken_from_its_file_is_told_as_it_was(carn, monkeypatch):
    first = carried_out(carn("precision=auto"))
    (carn("precision=auto").folder / "weights.safetensors").unlink()
    monkeypatch.setattr(hardware, "pick_precision", lambda name, device: "64-true")
    again = carried_out(carn("precision=auto"))
    assert again.train.memory_format == first.train.memory_format == "channels_last"
    assert again.precision == first.precision


def test_weights_have_their_digest_without_any_score(carn):
    record = carried_out(carn("eval.datasets=[]"))
    assert record.weights_sha256 == digest(load_file(carn().folder / "weights.safetensors"))


def test_scores_of_sets_that_are_asked_for_no_more_go_with_the_weights_that_they_were_of(carn, shared):
    carried_out(carn("eval.datasets=[set5,val]", f"data_root={shared / 'data'}"))
    (carn().folder / "weights.safetensors").unlink()
    record = carried_out(carn())
    assert list(record.scores) == ["val"]
    assert {row.dataset for row in read_rows(carn().folder)} == {"val"}


def test_images_that_are_asked_for_later_are_kept_then(bicubic):
    carried_out(bicubic("eval.datasets=[val]", "eval.save_images=1"))
    folder = bicubic("eval.datasets=[val]").folder
    assert len(list(folder.glob("images/val/*.png"))) == 1
    more = bicubic("eval.datasets=[val]", "eval.save_images=all")
    assert left(more) == ("images val",)
    carried_out(more)
    assert len(list(folder.glob("images/val/*.png"))) == read_record(folder).certificates["val"].images
    assert left(more) == ()


def test_a_training_whose_images_change_fails_and_is_another_run_then(carn, tmp_path):
    for number in range(3):
        write_image(tmp_path / f"hr/{number}.png", np.full((40, 40, 3), 9 * number, np.uint8))
    words = ("data=folder", f"data.root={tmp_path / 'hr'}")
    planned = carn(*words)
    assert planned.config_hash
    write_image(tmp_path / "hr/0.png", np.full((40, 40, 3), 77, np.uint8))
    with pytest.raises(FailedRunError, match="the training images were changed since the run was planned"):
        carried_out(planned)
    assert carn(*words).config_hash != planned.config_hash


# Alone


def test_a_run_that_another_process_works_on_is_waited_for(carn, capsys):
    one = carn()
    one.folder.mkdir(parents=True)
    ours, theirs = FORK.Pipe()
    process = FORK.Process(target=works_on, args=(one.folder, theirs))
    process.start()
    assert ours.recv() == "works"
    threading.Timer(0.2, ours.close).start()
    carried_out(one)
    process.join()
    assert f"process {process.pid} on" in capsys.readouterr().err


def test_a_run_that_was_lost_to_another_process_stops_and_records_nothing(carn):
    one = carn()

    def take(part, stage, done, total):
        for claim in one.folder.glob("heartbeat-*"):
            claim.unlink()

    with pytest.raises(KeyboardInterrupt):
        run(one, HERE, take)
    assert read_record(one.folder) is None
    assert "another process has taken the run" in (one.folder / "run.log").read_text()


def test_weights_whose_record_was_lost_are_taken_with_how_they_were_trained(carn):
    first = carried_out(carn())
    weights = (carn().folder / "weights.safetensors").stat().st_mtime_ns
    (carn().folder / "result.json").unlink()
    assert carried_out(carn()).train == first.train
    assert (carn().folder / "weights.safetensors").stat().st_mtime_ns == weights


def test_weights_of_another_training_in_the_runs_folder_are_not_taken(carn):
    carried_out(carn("seed=1"))
    carn().folder.mkdir(parents=True)
    shutil.copy(carn("seed=1").folder / "weights.safetensors", carn().folder)
    assert carried_out(carn()).weights_sha256 != read_record(carn("seed=1").folder).weights_sha256


def test_a_record_that_cannot_be_read_costs_no_training(carn):
    first = carried_out(carn())
    (carn().folder / "result.json").write_text("{")
    again = carried_out(carn())
    assert (again.scores, again.train) == (first.scores, first.train)


def test_a_failure_is_recorded_and_what_is_known_stays(carn):
    first = carried_out(carn())
    (Path("hr/valid/3.png")).write_bytes(b"no image")
    with pytest.raises(Exception, match=r"3\.png: cannot be read as an image"):
        carried_out(carn("eval.metrics=[psnr,rmse]"))
    failed = read_record(carn().folder)
    assert failed.status == "failed"
    assert "3.png: cannot be read as an image" in failed.error
    assert failed.scores == first.scores


# Of which images


def test_a_record_says_which_images_and_whose_lr(bicubic, shared):
    make_set(Path("data"), "a", [64, 64], torch_bicubic)
    found = carried_out(bicubic(f"data_root={shared / 'data'}", "eval.datasets=[set5]", "eval.metrics=[psnr]"))
    set5 = found.certificates["set5"]
    assert set5.lr == LrSource(True, ("matlab-replicate",))
    assert (set5.images, bool(set5.hr_sha256), bool(set5.lr_sha256)) == (5, True, True)
    found = carried_out(bicubic("eval.datasets=[a]", "eval.metrics=[psnr]"))
    assert found.certificates["a"].lr.maker == "torch-bicubic or opencv-cubic"
    assert found.certificates["set5"] == set5


def test_scores_name_the_sr_image_that_they_are_of(bicubic):
    make_set(Path("data"), "a", [64])
    asked = bicubic("eval.datasets=[a]", "eval.metrics=[psnr]")
    carried_out(asked)
    (row,) = read_rows(asked.folder)
    assert row.sr_sha256 == image_digest(read_image(sr_file(asked.folder, row)))


def test_other_pixels_are_scored_anew(bicubic):
    make_set(Path("data"), "a", [64, 64])
    make_set(Path("moved"), "a", [64, 64])
    make_set(Path("other"), "a", [64, 64], seed=1)
    words = ["eval.datasets=[a]", "eval.metrics=[psnr]"]
    first = carried_out(bicubic(*words))
    assert left(bicubic(*words, "data_root=moved")) == ()
    other = bicubic(*words, "data_root=other")
    assert left(other) == ("score a (psnr)",)
    assert carried_out(other).scores["a"]["psnr"] != first.scores["a"]["psnr"]
    assert left(other) == ()


def test_other_training_images_are_another_run(carn):
    first = carried_out(carn())
    write_image(Path("hr/0.png"), np.zeros((40, 48, 3), np.uint8))
    assert carn().folder.name != first.run
    assert carried_out(carn()).weights_sha256 != first.weights_sha256


def test_a_small_image_costs_its_own_set_a_metric_and_no_other(bicubic, shared):
    make_set(Path("data"), "small", [24, 48])
    make_set(Path("data"), "large", [48])
    words = [f"weights_dir={shared / 'weights'}", "eval.metrics=[psnr,lpips]"]
    found = carried_out(bicubic(*words, "eval.datasets=[small]"))
    assert found.scores["small"].keys() == {"psnr"}
    both = bicubic(*words, "eval.datasets=[small,large]")
    found = carried_out(both)
    assert found.scores["large"].keys() == {"psnr", "lpips"}
    (missing,) = (one for one in found.missing if "lpips" in one.what)
    assert (missing.what, missing.kind) == ("small.lpips", "image")
    assert missing.reason.startswith("0: LPIPS takes images of 31×31")
    assert left(both) == ()  # what cannot be had is not asked for again and again


def test_a_metric_whose_weights_come_later_is_computed_then(bicubic, shared, tmp_path):
    make_set(Path("data"), "a", [64])
    (tmp_path / "weights").mkdir()
    asked = bicubic("eval.datasets=[a]", "eval.metrics=[psnr,lpips]", "weights_dir=weights")
    found = carried_out(asked)
    assert [(one.what, one.kind) for one in found.missing if one.what == "lpips"] == [("lpips", "weights")]
    assert left(asked) == ()
    shutil.copy(shared / "weights/alexnet_features.safetensors", tmp_path / "weights")
    assert left(asked) == ("score a (lpips)",)
    found = carried_out(asked)
    assert found.scores["a"].keys() == {"psnr", "lpips"}
    assert not [one for one in found.missing if one.what == "lpips"]
    assert read_rows(asked.folder)[0].scores.keys() == {"psnr", "lpips"}


def test_another_metric_leaves_the_scores_that_are_there(bicubic):
    make_set(Path("data"), "a", [64])
    first = carried_out(bicubic("eval.datasets=[a]", "eval.metrics=[psnr]"))
    write_record(bicubic().folder, replace(first, scores={"a": {"psnr": 12.5}}))  # so that it would show
    found = carried_out(bicubic("eval.datasets=[a]", "eval.metrics=[rmse]"))
    assert found.scores["a"]["psnr"] == 12.5
    assert found.scores["a"]["rmse"] > 0


def test_scores_of_another_sr_are_not_mixed(bicubic):
    make_set(Path("data"), "a", [64])
    asked = bicubic("eval.datasets=[a]", "eval.metrics=[psnr]")
    first = carried_out(asked)
    scores = asked.folder / "scores.csv"
    (row,) = read_rows(asked.folder)
    scores.write_text(scores.read_text().replace(row.sr_sha256, "0" * 64).replace(f"{row.scores['psnr']:.9g}", "12.5"))
    found = carried_out(bicubic("eval.datasets=[a]", "eval.metrics=[rmse]"))
    assert found.scores["a"]["psnr"] == pytest.approx(first.scores["a"]["psnr"])
    assert read_rows(asked.folder)[0].scores["psnr"] == pytest.approx(first.scores["a"]["psnr"])


def test_another_protocol_keeps_the_metrics_and_is_named_in_each_row(bicubic):
    make_set(Path("data"), "a", [64])
    first = carried_out(bicubic("eval.datasets=[a]", "eval.metrics=[psnr,rmse]"))
    again = bicubic("eval.datasets=[a]", "eval.metrics=[psnr]", "protocol.border=0")
    found = carried_out(again)
    assert found.scores["a"]["rmse"] == first.scores["a"]["rmse"]
    assert found.scores["a"]["psnr"] != first.scores["a"]["psnr"]
    assert [row.protocol for row in read_rows(again.folder)] == ["y (luma, border 0)"]


def test_another_inference_is_evaluated_anew(bicubic):
    make_set(Path("data"), "a", [192])
    words = ["eval.datasets=[a]", "eval.metrics=[psnr]"]
    assert not carried_out(bicubic(*words)).certificates["a"].tiled
    assert left(bicubic(*words, "eval.self_ensemble=true")) == ("score a (psnr)",)
    tiles = [*words, "eval.tile=48", "eval.overlap=0"]
    assert carried_out(bicubic(*tiles)).certificates["a"].tiled
    assert left(bicubic(*tiles, "eval.memory_gb=1")) == ()
    assert left(bicubic(*words, "eval.tile=48", "eval.overlap=16")) == ("score a (psnr)",)
    assert left(bicubic(*words)) == ("score a (psnr)",)
    carried_out(bicubic(*words, "eval.tile=null"))
    assert left(bicubic(*words, "eval.tile=null", "eval.overlap=0")) == ()


# Stages


def test_stages_train_one_after_the_other_on_other_data_patches_and_losses(carn, tmp_path):
    for number in range(2):
        folder = tmp_path / "more" / ("valid" if number else "")
        folder.mkdir(parents=True, exist_ok=True)
        write_image(folder / f"{number}.png", np.full((64, 64, 3), 40 * number, np.uint8))
    words = ["recipe=mdrn_paper", "budget.steps=null", "budget.batch_size=null", "budget.hr_patch=null"]
    words += ["recipe.later_data={_target_:srbench.data.folders.Folder,root:more}", "eval.datasets=[]"]
    for name, steps, batch, patch in (("pixel", 3, 2, 16), ("charbonnier", 2, 3, 16), ("l2", 4, 1, 32)):
        length = f"{{steps:{steps},batch_size:{batch},hr_patch:{patch},val_every:1}}"
        words.append(f"recipe.stages.{name}.quick={length}")
    one = carn(*words)
    record = carried_out(one)
    assert [(s.name, s.steps, s.batch_size, s.hr_patch) for s in record.train.stages] == [
        ("pixel", 3, 2, 16),
        ("charbonnier", 2, 3, 16),
        ("l2", 4, 1, 32),
    ]
    assert [stage.training_data.images for stage in record.train.stages] == [3, 1, 1]
    assert record.train.steps == 9
    assert record.train.final_loss == record.train.stages[-1].final_loss
    lines = [line.split(",")[:2] for line in (one.folder / "losses.csv").read_text().splitlines()]
    steps = [["pixel", "1"], ["pixel", "2"], ["pixel", "3"], ["charbonnier", "1"], ["charbonnier", "2"]]
    assert lines == [["stage", "step"], *steps, *(["l2", str(step)] for step in range(1, 5))]
    files = {path.name for path in (one.folder / "stages").iterdir()}
    assert files == {"1-pixel.safetensors", "2-charbonnier.safetensors", "3-l2.safetensors"}


def test_a_training_on_all_scales_of_a_model_leaves_it_at_the_runs_scale(carn):
    one = carn("model=carn_multiscale", *TINY[1:], "recipe.multi_scale=true", "budget.steps=4", "budget.hr_patch=24")
    record = carried_out(one)
    assert record.scores["val"]["psnr"] > 0
    assert record.train.steps == 4


def test_a_reparameterised_run_is_the_plain_network_to_all_that_reads_it(carn):
    plain, formed = carn("study=plain"), carn("study=formed", "model.reparameterise=series")
    one, other = carried_out(plain), carried_out(formed)
    assert other.cost == one.cost
    assert other.scores != one.scores
    files = [load_file(run.folder / "weights.safetensors") for run in (plain, formed)]
    assert files[0].keys() == files[1].keys()
    words = ["study=again", "budget=none", "budget.steps=null", f"checkpoint={formed.folder / 'weights.safetensors'}"]
    assert carried_out(carn(*words)).scores == other.scores


def test_span_is_trained_in_series_and_counted_and_kept_folded(plan, carn):
    words = ["model=span_ntire", "model.width=4", "model.blocks=1", "data=folder", "data.root=hr"]
    one = plan(*words, *SHORT, "eval.metrics=[psnr]", "eval.latency=false")
    assert carn().folder.parent == one.folder.parent  # both read the images that `carn` has made
    record = carried_out(one)
    weights = load_file(one.folder / "weights.safetensors")
    assert record.cost.params == sum(tensor.numel() for tensor in weights.values())
    assert "block_1.c1_r.eval_conv.weight" in weights
    assert not any("squeeze" in name for name in weights)


def test_the_record_says_which_weights_were_kept(carn):
    words = ["budget.steps=4", "budget.val_every=1", "budget.keep=best"]
    run = carn(*words)
    (stage,) = carried_out(run).train.stages
    with (run.folder / "validation.csv").open(newline="") as file:
        psnrs = {int(row["step"]): float(row["psnr"]) for row in csv.DictReader(file)}
    assert len(psnrs) == 4
    assert (stage.kept, stage.kept_step) == ("best", max(psnrs, key=psnrs.get))
    assert stage.kept_psnr == pytest.approx(max(psnrs.values()), abs=1e-6)
    assert read_record(run.folder).train.stages == (stage,)


def test_a_run_that_got_nowhere_lends_nothing_to_its_next_try(plan, carn):
    one = plan(
        "model=nearest", "budget=none", "data=folder", "data.root=hr", "eval.latency=false", "eval.metrics=[psnr]"
    )
    assert carn().folder.parent == one.folder.parent  # both read the images that `carn` has made
    one.folder.mkdir(parents=True)
    record_death(one, replace(HERE, threads=7), "killed")
    assert read_record(one.folder).threads == 7
    assert carried_out(one).threads == HERE.threads
