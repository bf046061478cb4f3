"""A grid in Weights & Biases, and a run whose logger fails, through the real command line."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tests.cli.conftest import TINY
from tests.experiments.trackers.test_trackers import config, curve, of_kind, scalars, summary, wandb_records


class Refuses(BaseHTTPRequestHandler):
    """A W&B server to which no key is good enough."""

    def do_POST(self):
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(401)
        self.end_headers()

    def log_message(self, *words):
        """Nothing is written."""


@pytest.fixture
def server() -> Iterator[str]:
    with HTTPServer(("127.0.0.1", 0), Refuses) as http:
        threading.Thread(target=http.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{http.server_port}"
        http.shutdown()


def table(file: Path, column: int) -> dict[int, float]:
    rows = np.loadtxt(file, delimiter=",", skiprows=1, ndmin=2, usecols=(1, column))
    return {int(step): value for step, value in rows}


def test_a_grid_is_in_wandb_and_a_logger_that_fails_leaves_a_done_run(srbench, server):
    srbench.environment.update(WANDB_BASE_URL=server, WANDB_API_KEY="0" * 40, WANDB_MODE="online")
    srbench.environment["HOME"] = str(srbench.folder / "home")
    ablation = srbench.folder / "conf/ablation/width.yaml"
    ablation.parent.mkdir(parents=True)
    ablation.write_text("applies_to: {CARN: {baseline: thin, variants: {thin: {model.width: 4}}}}\n")
    words = [*srbench.data, *TINY[1:]]
    done = srbench("-m", *words, "ablation=width", "logger=wandb")
    assert done.returncode == 0, done.stderr
    assert "wandb" not in done.stdout + done.stderr
    study = srbench.folder / "runs/carn_width"
    (carn,), (bicubic,) = study.glob("carn-*"), study.glob("bicubic-*")
    check_run(carn, tags={"width=thin", "baseline"})
    check_run(bicubic, tags=set())
    assert "W&B records offline (Failed to authenticate with " in (carn / "run.log").read_text()
    check_report(study, srbench.folder / "reports/carn_width")

    (carn / "tensorboard").touch()
    again = srbench(*words, "model.width=4", "study=carn_width", "logger=tensorboard", "force=true")
    assert again.returncode == 0, again.stderr
    line = "logger=tensorboard is switched off for this run: FileExistsError: "
    assert (carn / "run.log").read_text().count(line) == again.stderr.count(f"{carn.name}: {line}") == 1
    records = srbench.records("carn_width")
    assert {record["status"] for record in records.values()} == {"done"}
    assert scalars(bicubic, "scores/val/psnr") == [(0, pytest.approx(records[bicubic.name]["scores"]["val"]["psnr"]))]


def check_run(folder: Path, tags: set[str]) -> None:
    """What is in W&B equals what is in the folder."""
    (records,) = wandb_records(folder)
    (run,) = of_kind(records, "run")
    assert (run["display_name"], run["run_group"], run["job_type"]) == (folder.name, "carn_width", "run")
    assert set(run.get("tags", [])) == tags
    assert config(records)["eval"]["metrics"] == ["psnr", "ssim"]
    if (folder / "losses.csv").exists():
        assert dict(curve(records, "loss")) == table(folder / "losses.csv", 3)
        assert dict(curve(records, "validation/psnr")) == table(folder / "validation.csv", 2)
        assert [step for step, _ in curve(records, "loss")] == [1, 2, 3, 4, 5, 6]
    record, final = json.loads((folder / "result.json").read_text()), summary(records)
    assert final["scores/val/psnr"] == record["scores"]["val"]["psnr"]
    assert final["cost/params"] == record["cost"]["params"]
    assert final.get("train/final_loss") == record["train"].get("final_loss")


def check_report(study: Path, report: Path) -> None:
    (records,) = wandb_records(study)
    (run,) = of_kind(records, "run")
    assert (run["run_group"], run["job_type"]) == ("carn_width", "report")
    shown = summary(records)
    (files,) = study.glob("wandb/offline-run-*/files")
    sent = json.loads((files / shown["table.path"]).read_text())
    expected = pd.read_csv(report / "table.csv")
    pd.testing.assert_frame_equal(
        pd.DataFrame(sent["data"], columns=sent["columns"]), expected, check_dtype=False, check_exact=True
    )
    assert (files / shown["curves.path"]).read_bytes() == (report / "curves.png").read_bytes()
