"""What is left to do of a run."""

from dataclasses import replace

import pytest

from srbench.experiments.store.left import Left, left, left_of
from srbench.experiments.store.plans import Wanted
from srbench.experiments.store.record import Fingerprints, write_record
from srbench.metrics.figures import Cost
from srbench.metrics.missing import Missing
from tests.builders import latency, record

PRINTS = Fingerprints("weights", {"set5": "pixels", "val": "photos"}, "network", "clock")
ASKED = Wanted(PRINTS, ("psnr", "niqe"))
SCORES = {"psnr": 30.0, "niqe": 4.0}
DONE = record(scores={"set5": SCORES, "val": SCORES}, cost=Cost(7), latency=(latency(),), fingerprints=PRINTS)


def never(metric):
    return False


def asked(**changes):
    return replace(ASKED, fingerprints=replace(PRINTS, **changes))


def what_is_left(found=DONE, wanted=ASKED, has_weights=True, can_be_had=never):
    return left_of(found, has_weights, wanted, can_be_had)


def test_nothing_is_left_of_a_run_that_has_all_that_is_asked_for():
    assert what_is_left() == Left(False, {}, False, False, True)
    assert not what_is_left()


def test_everything_is_left_of_a_run_without_a_record(tmp_path):
    everything = Left(True, dict.fromkeys(("set5", "val"), ("psnr", "niqe")), True, True, False)
    assert what_is_left(None) == left(tmp_path, ASKED, never) == everything


def test_a_record_that_cannot_be_read_counts_as_none(tmp_path):
    (tmp_path / "result.json").write_text("{")
    assert left(tmp_path, ASKED, never) == what_is_left(None)


def test_a_run_is_looked_at_where_it_lies(tmp_path):
    write_record(tmp_path, DONE)
    assert left(tmp_path, ASKED, never).train
    (tmp_path / "weights.safetensors").touch()
    assert not left(tmp_path, ASKED, never)


def test_a_failed_run_is_left_though_it_lacks_nothing():
    found = what_is_left(replace(DONE, status="failed"))
    assert found
    assert found == Left(False, {}, False, False, False)


@pytest.mark.parametrize(
    ("changes", "steps"),
    [
        ({"train": "others"}, ("train", "score set5 (psnr, niqe)", "score val (psnr, niqe)")),
        ({"score": {"set5": "rgb", "val": "photos"}}, ("score set5 (psnr, niqe)",)),
        ({"score": {"set14": "pixels"}}, ("score set14 (psnr, niqe)",)),
        ({"cost": "another network"}, ("cost",)),
        ({"latency": "a GPU"}, ("latency",)),
        ({"latency": None}, ()),
        ({"train": None}, ()),
        ({"score": {}}, ()),
    ],
)
def test_another_fingerprint_is_one_step(changes, steps):
    assert what_is_left(wanted=asked(**changes)).steps == steps


def test_weights_that_are_gone_are_trained_and_scored_again():
    assert what_is_left(has_weights=False).steps[0] == "train"


def test_another_metric_is_that_metric_of_each_set():
    found = what_is_left(wanted=replace(ASKED, metrics=("psnr", "niqe", "lpips")))
    assert found.score == {"set5": ("lpips",), "val": ("lpips",)}


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
