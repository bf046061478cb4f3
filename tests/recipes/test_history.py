import pytest

from srbench.recipes.history import LOSS_COLUMNS, append, begin, final_loss

ROWS = """stage,step,epoch,loss,critic
pixel,1,0,0.5,
pixel,2,0,0.4,
gan,1,0,0.3,0.7
gan,2,0,0.3,0.6
gan,3,0,0.3,0."""


@pytest.fixture
def losses(tmp_path):
    path = tmp_path / "losses.csv"
    path.write_text(ROWS)
    return path


def test_rows_past_the_checkpoint_are_dropped_and_those_of_finished_stages_stay(losses):
    assert begin(losses, LOSS_COLUMNS, ("critic",), ["pixel"], "gan", 1) == [*LOSS_COLUMNS, "critic"]
    assert losses.read_text() == "\n".join(ROWS.splitlines()[:4]) + "\n"


def test_a_stage_that_begins_anew_takes_its_columns_with_it(losses):
    begin(losses, LOSS_COLUMNS, (), ["pixel"], "detail", 0)
    assert losses.read_text() == "stage,step,epoch,loss\npixel,1,0,0.5\npixel,2,0,0.4\n"


@pytest.mark.parametrize(
    "damage",
    [
        *(b"abc,1,2\n", b"\n", b"pixel,1,0\n", b"pixel,x,0,0.1,\n", b"pixel,1,0,nan,\n", b"pixel,-1,0,1,\n"),
        *(b",1,0,1,\n", b"pixel,\xff,0,1,\n", bytes(300_000) + b"\n", b"pixel,1,0,0.5,0.1,0.2\n", b"pixel,1,0,inf,\n"),
    ],
)
def test_a_row_that_cannot_be_read_is_left_out_with_a_line(losses, caplog, damage):
    losses.write_bytes(damage.join(line.encode() + b"\n" for line in ROWS.splitlines()[:4]))
    begin(losses, LOSS_COLUMNS, ("critic",), ["pixel"], "gan", 1)
    assert losses.read_text() == "\n".join(ROWS.splitlines()[:4]) + "\n"
    assert caplog.messages == [f"{losses}: 3 rows that cannot be read are left out"]


def test_a_last_row_without_its_end_was_cut_off(losses):
    losses.write_text(ROWS.partition("gan")[0] + "gan,1,0,0.3,0.7")
    begin(losses, LOSS_COLUMNS, ("critic",), ["pixel"], "gan", 1)
    assert "gan" not in losses.read_text()


def test_new_parts_come_after_those_that_rows_have(losses):
    assert begin(losses, LOSS_COLUMNS, ("teacher", "critic"), ["gan"], "tune", 0)[4:] == ["critic", "teacher"]
    assert losses.read_text().splitlines()[1] == "gan,1,0,0.3,0.7,"


@pytest.mark.parametrize(
    "text",
    [None, "", "step,loss\n1,0.5\n", "stage,step,epoch,loss\npix", "stage,step,epoch,loss,loss\npixel,1,0,1,1\n"],
)
def test_a_file_without_rows_of_ours_becomes_a_header(tmp_path, text):
    path = tmp_path / "losses.csv"
    if text is not None:
        path.write_text(text)
    begin(path, LOSS_COLUMNS, (), ["pixel"], "gan", 5)
    assert path.read_text() == "stage,step,epoch,loss\n"


def test_the_final_loss_is_the_mean_of_the_last_fiftieth_of_the_stages_rows(tmp_path):
    path = tmp_path / "losses.csv"
    begin(path, LOSS_COLUMNS, (), [], "pixel", 0)
    append(path, [["pixel", str(step), "0", str(step)] for step in range(1, 151)])
    append(path, [["gan", "1", "0", "7"]])
    assert final_loss(path, "pixel") == 149  # of 148, 149 and 150
    assert final_loss(path, "gan") == 7
