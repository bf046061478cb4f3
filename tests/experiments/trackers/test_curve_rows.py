"""The rows of losses.csv and validation.csv, read on from the last that was told."""

from contextlib import closing

import pytest

from srbench.experiments.trackers.curve_rows import CurveRows, ToldRow

STAGES = """stage,step,epoch,loss,pixel,critic,note
pixel,1,0,0.5,0.5,,a
pixel,2,0,0.25,0.25,,b
gan,1,0,3,1,2,c
gan,2,0,5,2,3,d
3,1,0,0.125,0.125,,e
"""
VALIDATIONS = "stage,step,psnr\npixel,1,20\ngan,1,21\ngan,2,22\n"


def unread(rows: CurveRows) -> list[list[int]]:
    """The steps of losses and of validations."""
    return [[row.total for row in rows.unread(name)] for name in ("losses.csv", "validation.csv")]


def test_a_file_without_stages_is_one_stage(tmp_path):
    (tmp_path / "losses.csv").write_text(STAGES)
    (tmp_path / "validation.csv").write_text("step,psnr\n1,20\n2,21\n")
    with closing(CurveRows(tmp_path, {"validation.csv": ToldRow("", 1)})) as rows:
        assert unread(rows) == [[1, 2, 3, 4, 5], [2]]


@pytest.mark.parametrize(
    ("told", "steps"),
    [
        ({}, [[1, 2, 3, 4, 5], [1, 3, 4]]),
        ({"losses.csv": ToldRow("pixel", 2)}, [[3, 4, 5], [1, 3, 4]]),
        ({"losses.csv": ToldRow("gan", 1), "validation.csv": ToldRow("pixel", 1)}, [[4, 5], [3, 4]]),
        ({"losses.csv": ToldRow("gan", 2), "validation.csv": ToldRow("gan", 1)}, [[5], [4]]),
    ],
)
def test_a_row_is_new_after_the_stage_and_step_that_were_told(tmp_path, told, steps):
    (tmp_path / "losses.csv").write_text(STAGES)
    (tmp_path / "validation.csv").write_text(VALIDATIONS)
    with closing(CurveRows(tmp_path, told)) as rows:
        assert unread(rows) == steps


def test_rows_of_a_stage_that_is_trained_again_are_not_new(tmp_path):
    """As where a run that was killed in its second stage goes on from a checkpoint of its first."""
    steps = []
    with (
        closing(CurveRows(tmp_path, {"losses.csv": ToldRow("gan", 1)})) as rows,
        (tmp_path / "losses.csv").open("w") as file,
    ):
        for line in STAGES.splitlines(keepends=True):
            file.write(line)
            file.flush()
            steps += unread(rows)[0]
    assert steps == [4, 5]
