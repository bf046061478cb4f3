"""What is left to do of a run."""

from dataclasses import replace

import pytest

from srbench.experiments.store.left import RunFiles, everything, left, left_of
from srbench.experiments.store.plans import Wanted, WantedLatency, WantedScores
from srbench.experiments.store.record import Fingerprints, write_record
from srbench.metrics.figures import Cost
from srbench.metrics.missing import Missing
from tests.builders import latency, record

METRICS = ("psnr", "niqe")
SET5, VAL = WantedScores("pixels", METRICS, 2), WantedScores("photos", METRICS, 2)
ASKED = Wanted("weights", {"set5": SET5, "val": VAL}, "network", WantedLatency("clock", None, None))
FILES = RunFiles(True, {"set5": 2, "val": 2})
SCORES = {"psnr": 30.0, "niqe": 4.0}
DONE = record(
    scores={"set5": SCORES, "val": SCORES},
    cost=Cost(7),
    latency=(latency(),),
    fingerprints=Fingerprints("weights", {"set5": "pixels", "val": "photos"}, "network", "clock"),
)
EVERYTHING = ("train", "score set5 (psnr, niqe)", "score val (psnr, niqe)", "cost", "latency")


def never(metric):
    return False


def asked(**changes):
    return replace(ASKED, **changes)


def what_is_left(found=DONE, wanted=ASKED, files=FILES, can_be_had=never):
    return left_of(found, files, wanted, can_be_had)


def test_nothing_is_left_of_a_run_that_has_all_that_is_asked_for():
    assert what_is_left().steps == ()
    assert not what_is_left()


def test_everything_is_left_of_a_run_without_a_record(tmp_path):
    assert what_is_left(None) == left(tmp_path, ASKED, never) == everything(ASKED)
    assert everything(ASKED).steps == EVERYTHING


def test_a_record_that_cannot_be_read_counts_as_none(tmp_path):
    (tmp_path / "result.json").write_text("{")
    assert left(tmp_path, ASKED, never) == what_is_left(None)


def test_a_run_is_looked_at_where_it_lies(tmp_path):
    write_record(tmp_path, DONE)
    assert left(tmp_path, ASKED, never).train
    (tmp_path / "weights.safetensors").touch()
    assert left(tmp_path, ASKED, never).steps == ("images set5", "images val")
    for name in ("set5/a.png", "set5/b.png", "val/a.png", "val/b.png"):
        (tmp_path / "images" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "images" / name).touch()
    assert not left(tmp_path, ASKED, never)


def test_a_failed_run_is_left_though_it_lacks_nothing():
    found = what_is_left(replace(DONE, status="failed"))
    assert found
    assert found.steps == ()


@pytest.mark.parametrize(
    ("changes", "steps"),
    [
        ({"train": "others"}, EVERYTHING),
        ({"scores": {"set5": replace(SET5, fingerprint="rgb"), "val": VAL}}, ("score set5 (psnr, niqe)",)),
        ({"scores": {"set14": replace(SET5, metrics=("psnr",))}}, ("score set14 (psnr)",)),
        ({"cost": "another network"}, ("cost",)),
        ({"latency": WantedLatency("another network", None, None)}, ("latency",)),
        ({"latency": WantedLatency("clock", "cuda", None)}, ("latency",)),
        ({"latency": WantedLatency("clock", None, 2)}, ("latency",)),
        ({"latency": WantedLatency("clock", "cpu", 1)}, ()),
        ({"latency": None}, ()),
        ({"train": None}, ()),
        ({"scores": {}}, ()),
    ],
)
def test_what_is_asked_otherwise_is_one_step(changes, steps):
    assert what_is_left(wanted=asked(**changes)).steps == steps


def test_a_network_that_cannot_be_timed_is_not_timed_again_unless_it_is_another():
    prints = replace(DONE.fingerprints, latency_device="cpu")
    reason = Missing("latency", "network", "does not run on 256×256 pixels")
    found = replace(DONE, latency=(), missing=(reason,), fingerprints=prints)
    assert not what_is_left(found)
    assert what_is_left(found, asked(latency=WantedLatency("another network", None, None))).steps == ("latency",)
    assert not what_is_left(found, asked(latency=WantedLatency("clock", "cpu", None)))
    assert what_is_left(found, asked(latency=WantedLatency("clock", "cuda", None))).steps == ("latency",)


def test_the_latency_of_any_gpu_is_that_of_a_gpu():
    found = replace(DONE, latency=(latency(device="NVIDIA H100"),))
    assert not what_is_left(found, asked(latency=WantedLatency("clock", "cuda", None)))
    assert what_is_left(found, asked(latency=WantedLatency("clock", "cpu", None))).latency


def test_the_latency_of_an_apple_gpu_is_its_own():
    found = replace(DONE, latency=(latency(device="mps"),))
    assert not what_is_left(found, asked(latency=WantedLatency("clock", "mps", None)))
    assert what_is_left(found, asked(latency=WantedLatency("clock", "cuda", None))).latency


def test_weights_that_are_gone_are_trained_and_scored_again():
    assert what_is_left(files=replace(FILES, weights=False)).steps == EVERYTHING


def test_another_metric_of_a_set_is_that_metric_of_that_set():
    more = replace(SET5, metrics=("psnr", "niqe", "lpips"))
    assert what_is_left(wanted=asked(scores={"set5": more, "val": VAL})).score == {"set5": ("lpips",)}


@pytest.mark.parametrize(
    ("kept", "wanted", "lacks"),
    [(2, 2, False), (1, 2, True), (4, None, True), (5, None, False), (5, 20, False), (0, 0, False), (3, 2, False)],
)
def test_images_of_the_five_that_are_to_be_kept_and_are_not_there_are_left(kept, wanted, lacks):
    files = replace(FILES, images={"set5": kept, "val": 2})
    found = what_is_left(wanted=asked(scores={"set5": replace(SET5, images=wanted)}), files=files)
    assert found.steps == (("images set5",) if lacks else ())


@pytest.mark.parametrize(
    ("kind", "there", "again"),
    [("weights", False, False), ("weights", True, True), ("package", True, True), ("image", True, False)],
)
def test_what_was_missing_is_tried_again_where_the_machine_has_it_now(kind, there, again):
    scores = {"set5": {"psnr": 30.0}, "val": SCORES}
    for what in ("niqe", "set5.niqe"):
        found = replace(DONE, scores=scores, missing=(Missing(what, kind, "it needs much"),))
        assert what_is_left(found, can_be_had=lambda metric: there).score == ({"set5": ("niqe",)} if again else {})


def test_the_reason_for_people_decides_nothing():
    scores = {"set5": {"psnr": 30.0}, "val": SCORES}
    found = replace(DONE, scores=scores, missing=(Missing("set5.niqe", "image", "NIQE needs 96×192 pixels"),))
    assert not what_is_left(found, can_be_had=lambda metric: True)
