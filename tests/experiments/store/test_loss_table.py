"""losses.csv of many runs."""

from math import inf, nan

import pandas as pd

from srbench.experiments.store.loss_table import loss_frame


def test_losses_come_run_by_run_without_what_was_cut_off(tmp_path):
    files = {
        "parts": "stage,step,epoch,loss,pixel\ngan,10,1,0.5,0.4\ngan,20,1,0.25,0.2\n",
        "cut": "stage,step,epoch,loss\npixel,10,1,0.5\npixel,20,1,0.2",  # the 0.2 may have been 0.25
        "none": None,
        "begun": "stage,step,epo",
        "empty": "stage,step,epoch,loss\n",
        "torn": "stage,step,epoch,loss\n1,10,1,0.5\n1,20,1,0.2530,1,0.125\n1,40,2,nan\n1,50,2,inf\n\n",
        "stages": "stage,step,epoch,loss\npixel,10,1,0.75\ngan,10,1,0.5\n",
        "old": "step,epoch,loss\n10,1,0.75\n",
    }
    for name, text in files.items():
        (tmp_path / name).mkdir()
        if text is not None:
            (tmp_path / name / "losses.csv").write_text(text)
    losses = loss_frame([tmp_path / name for name in files])
    assert list(losses.columns) == ["run", "stage", "step", "epoch", "loss", "pixel"]
    assert list(losses.run) == ["parts", "parts", "cut", "torn", "torn", "torn", "stages", "stages", "old"]
    assert list(losses.stage) == ["gan", "gan", "pixel", "1", "1", "1", "pixel", "gan", ""]
    assert list(losses.step) == [10, 20, 10, 10, 40, 50, 10, 10, 10]
    expected = [0.5, 0.25, 0.5, 0.5, nan, inf, 0.75, 0.5, 0.75]
    pd.testing.assert_series_equal(losses.loss, pd.Series(expected, name="loss"))
    assert losses.pixel[:3].tolist()[:2] == [0.4, 0.2]


def test_no_losses_are_an_empty_frame(tmp_path):
    assert loss_frame([tmp_path]).empty
