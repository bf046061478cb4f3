"""Runs as wholes on a GPU: trained, scored, counted and timed there, on images of every format."""

import numpy as np
import pytest
import torch

from srbench.core.pixel_format import RGB8, PixelFormat
from srbench.core.progress import silent
from srbench.data.images import write_image
from srbench.evaluation.evaluate import evaluate, mean_scores
from srbench.experiments.compose import build_model
from srbench.experiments.inputs import datasets
from srbench.experiments.recording import Slot
from srbench.experiments.run import run
from srbench.experiments.store.left import WEIGHTS
from srbench.metrics.cost import cost_summary
from srbench.metrics.scorer import make_scorer
from srbench.models.weights import load_weights
from tests.tiny_runs import SHORT, TINY, quiet

pytestmark = pytest.mark.gpu

DEVICE = "cuda:0"
FORMS = [RGB8, PixelFormat(16, 3), PixelFormat(8, 1), PixelFormat(16, 1)]


@pytest.mark.parametrize("form", FORMS, ids=lambda form: form.name)
def test_a_run_on_a_gpu_has_the_scores_and_the_costs_of_a_cpu(plan, form, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for number, pixels in enumerate(np.random.default_rng(0).integers(0, 2**form.bits, (4, 40, 48, form.channels))):
        folder = tmp_path / ("hr/valid" if number == 3 else "hr")
        folder.mkdir(parents=True, exist_ok=True)
        write_image(folder / f"{number}.png", pixels.astype(form.dtype))
    told = [f"data.bits={form.bits}", f"data.channels={form.channels}", "eval.metrics=[psnr,ssim]", "eval.latency=true"]
    one = plan(*TINY, *SHORT, "budget.steps=20", "data=folder", "data.root=hr", f"device={DEVICE}", *told)
    record = run(one, Slot(DEVICE, 1), quiet)
    assert record.status == "done"
    assert record.train.captured is True
    assert record.latency[0].device == torch.cuda.get_device_name(DEVICE)
    model = build_model(one)
    load_weights(model, one.folder / WEIGHTS)
    assert record.cost == cost_summary(model, 2)[0]
    sets, scorer = datasets(one), make_scorer(["psnr", "ssim"], one.evaluation.protocol, [])
    on_cpu = mean_scores(evaluate(model, sets, scorer, "cpu", silent, lambda *_: None))
    assert record.scores == {name: pytest.approx(scores, abs=1e-3) for name, scores in on_cpu.items()}
