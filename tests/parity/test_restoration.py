"""Published weights under noise, before and after a fine-tuning of seconds, on real images.

The slides of ISR_Task_2023: SAFMN has 22.1374 dB on noisy Set5 ×2 (22.12 here, with one draw of the noise), and 30.6769
dB once it is fine-tuned. Bicubic interpolation has 25.7.
"""

import pytest

from tests.tiny_runs import carried_out


def test_a_short_fine_tuning_lifts_safmn_from_noise(plan, shared, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    words = ["model=safmn", "checkpoint=safmn", f"weights_dir={shared}/reference/checkpoints", "data=folder"]
    words += [f"data.root={shared}/data/photos/HR", f"data_root={shared}/data", "data.degradation=noise"]
    words += ["eval.datasets=[set5]", "eval.metrics=[psnr]", "eval.latency=false", "eval.save_images=0"]
    short = ["budget.steps=20", "budget.batch_size=4", "budget.hr_patch=64", "budget.val_every=0"]
    base = carried_out(plan(*words, "budget.steps=0"))
    tuned = carried_out(plan(*words, "recipe=restoration", "recipe/loss=l1_fft", *short))
    before, after = (record.scores["set5"]["psnr"] for record in (base, tuned))
    assert before == pytest.approx(22.12, abs=0.05)
    assert after > before + 2
