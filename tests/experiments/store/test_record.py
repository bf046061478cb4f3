"""result.json: read as it was written, of older schemas too, and never in part."""

import json
import re
from dataclasses import replace
from math import inf
from pathlib import Path

import jsonschema
import pytest

from srbench.core.errors import UserError
from srbench.data.lr_source import LrSource
from srbench.experiments.store.codec import encode
from srbench.experiments.store.record import (
    Evaluation,
    Fingerprints,
    StageRecord,
    Training,
    TrainingData,
    read_record,
    record_schema,
    write_record,
)
from srbench.metrics.figures import Cost, Routing
from srbench.metrics.missing import Missing
from srbench.metrics.protocol import Protocol
from srbench.recipes.outcome import TrainingSession
from tests.builders import certificate, latency, member, record

SESSIONS = (TrainingSession(0, "cpu", 1, 30.5), TrainingSession(250, "cuda", 8, 2.0))
STAGE = StageRecord("pixel", 500, 8, 64, 7.5, 0.01, 0.02, SESSIONS, training_data=TrainingData("photos", 3, "aa"))
WHOLE = record(
    memberships=(member("atrous"),),
    train=Training(500, 7.5, 0.01, 0.02, False, "channels_last", (STAGE,), STAGE.training_data),
    cost=Cost(412_000, 0, 96, 223_100_000_000),
    latency=(latency(),),
    scores={"set5": {"psnr": 37.5, "ssim": 0.95}, "b100": {"psnr": inf}},
    missing=(Missing("lpips", "weights", "no backbone"), Missing("set5.niqe", "image", "a: too small")),
    weights_sha256="bb",
    fingerprints=Fingerprints("1", {"set5": "2", "b100": "3"}, "4", "5"),
)


def test_a_record_reads_back_as_it_was_written(tmp_path):
    write_record(tmp_path, WHOLE)
    assert read_record(tmp_path) == WHOLE


def test_a_record_has_the_keys_that_other_programs_read(tmp_path):
    write_record(tmp_path, WHOLE)
    content = json.loads((tmp_path / "result.json").read_text())
    assert content["schema"] == 2
    assert content["class"] == "CARN"
    assert content["scores"] == {"set5": {"psnr": 37.5, "ssim": 0.95}, "b100": {"psnr": "inf"}}
    assert content["missing"][0] == {"what": "lpips", "kind": "weights", "reason": "no backbone"}
    assert content["train"]["stages"][0]["training_data"] == {"name": "photos", "images": 3, "sha256": "aa"}
    assert content["certificates"]["set5"]["protocol"] == {"name": "y", "channels": "luma", "border": "scale"}
    assert content["cost"]["flops_720p"] == 223_100_000_000


def test_a_record_from_before_the_recipes_length_was_written_is_read(tmp_path):
    write_record(tmp_path, WHOLE)
    content = json.loads((tmp_path / "result.json").read_text())
    assert content["train"]["stages"][0].pop("full_steps") is None
    (tmp_path / "result.json").write_text(json.dumps(content))
    assert read_record(tmp_path) == WHOLE


def test_a_record_fits_its_published_schema():
    schema = record_schema()
    jsonschema.validate(encode(WHOLE), schema)
    assert not list(jsonschema.Draft202012Validator(schema).iter_errors(encode(WHOLE)))


def test_the_schema_in_the_docs_is_that_of_the_code():
    docs = Path(__file__).parents[3] / "docs/result.schema.json"
    assert json.loads(docs.read_text()) == record_schema(), "renew it: python -m srbench schema docs"


def test_a_run_without_a_record_has_none(tmp_path):
    assert read_record(tmp_path) is None


def test_a_record_cut_off_anywhere_is_told_in_one_line(tmp_path):
    write_record(tmp_path, WHOLE)
    path = tmp_path / "result.json"
    whole = path.read_bytes().rstrip()
    for length in range(0, len(whole), 7):
        path.write_bytes(whole[:length])
        with pytest.raises(UserError, match=r"^\S+/result\.json: cannot be read \([^\n]+\)$"):
            read_record(tmp_path)


@pytest.mark.parametrize(
    "content",
    [b"\xff\xfe", b"[]", b"{}", b"null", b"[" * 100_000, b'{"status": "running"}', b'{"schema": "2"}'],
    ids=["bytes", "list", "empty", "null", "deep", "half", "text for a schema"],
)
def test_a_file_that_is_no_record_is_told_in_one_line(tmp_path, content):
    (tmp_path / "result.json").write_bytes(content)
    with pytest.raises(UserError, match=r"^\S+/result\.json: cannot be read \([^\n]+\)$"):
        read_record(tmp_path)


@pytest.mark.parametrize(
    ("changed", "line"),
    [
        ({"full_flops": 0}, r"A routing's full_flops must be above 0, not 0\.0"),
        ({"full_classsr_flops": 0}, r"A routing's full_classsr_flops must be above 0, not 0\.0"),
        ({"full_seconds": 0}, r"A routing's full_seconds must be above 0, not 0\.0"),
        ({"windows": {"a": [3, 1], "b": [4]}}, "A routing needs windows"),
        ({"windows": {"a": [0, 0]}}, "A routing needs windows"),
        ({"windows": {"a": [3, -1]}}, "A routing needs windows"),
    ],
)
def test_a_routing_that_has_no_shares_is_told_in_one_line(tmp_path, changed, line):
    routing = Routing({"a": (3, 1)}, 5e6, 10e6, 20e6, 40e6, 1.0, 2.0, 1, 1, "cpu")
    content = encode(replace(WHOLE, routing={"set5": routing}))
    content["routing"]["set5"] |= changed
    (tmp_path / "result.json").write_text(json.dumps(content))
    with pytest.raises(UserError, match=rf"^\S+/result\.json: cannot be read \([^\n]*{line}[^\n]*\)$"):
        read_record(tmp_path)


def test_a_record_of_a_newer_srbench_is_refused(tmp_path):
    (tmp_path / "result.json").write_text(json.dumps(encode(WHOLE) | {"schema": 3}))
    line = "was written by a newer srbench (schema 3, this one reads 2); upgrade it"
    with pytest.raises(UserError, match=re.escape(line)):
        read_record(tmp_path)


def test_a_failed_write_leaves_the_old_record(tmp_path):
    write_record(tmp_path, WHOLE)
    with pytest.raises(ValueError, match="nan"):
        write_record(tmp_path, replace(WHOLE, seconds=float("nan")))
    assert read_record(tmp_path) == WHOLE
    assert [path.name for path in tmp_path.iterdir()] == ["result.json"]


def test_the_evaluation_of_a_set_is_replaced_whole():
    rgb = certificate(protocol=Protocol("rgb", "rgb"))
    changed = WHOLE.with_evaluation("set5", Evaluation({"psnr": 30.0}, rgb, ()), "6")
    assert changed.scores == {"set5": {"psnr": 30.0}, "b100": {"psnr": inf}}
    assert changed.certificates["set5"] == rgb
    assert [missing.what for missing in changed.missing] == ["lpips"]
    assert changed.fingerprints == Fingerprints("1", {"set5": "6", "b100": "3"}, "4", "5")
    assert WHOLE.evaluations["set5"].missing == (Missing("set5.niqe", "image", "a: too small"),)


OLD = Path(__file__).with_name("records")


def test_a_trained_runs_record_of_schema_1_is_read(tmp_path):
    (tmp_path / "result.json").write_bytes((OLD / "schema_1_trained.json").read_bytes())
    old = read_record(tmp_path)
    assert (old.schema, old.status, old.model, old.variant) == (2, "done", "carn", "1-2-1")
    assert old.memberships == (member("atrous"),)
    assert (old.train.steps, old.train.stages) == (500, ())
    assert old.train.final_loss == pytest.approx(0.0207, abs=1e-4)
    assert old.cost.params == 964_163
    assert old.scores["val"]["psnr"] == pytest.approx(33.99, abs=0.01)
    val = old.certificates["val"]
    assert (val.protocol, val.lr) == (Protocol("y", "luma"), LrSource(files=False))
    assert val.hr_sha256
    assert val.lr_sha256 is None
    assert old.latency[0].median_ms > 0
    assert old.fingerprints == Fingerprints()


def test_lr_files_of_schema_1_keep_what_was_recognised_in_them(tmp_path):
    (tmp_path / "result.json").write_bytes((OLD / "schema_1_published.json").read_bytes())
    old = read_record(tmp_path)
    assert old.train == Training()
    assert old.certificates["set5"].lr == LrSource(True, ("matlab-replicate",))
    assert old.certificates["set5"].lr_sha256
    assert {missing.what: missing.kind for missing in old.missing} == {"pi": "unknown"}
