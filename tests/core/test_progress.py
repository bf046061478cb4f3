"""What a run tells of itself to the process that waits for it, and at a terminal."""

import multiprocessing

import pytest

from srbench.core.progress import News, Pipe, bar, run_bar


def test_what_is_told_reaches_the_other_process_in_its_order():
    here, there = multiprocessing.Pipe(duplex=False)
    tell = Pipe(there)
    tell("train", "step 1, loss 0.5", 1, 2)
    tell("score", "evaluates val", 1, 1)
    assert [here.recv(), here.recv()] == [News("train", "step 1, loss 0.5", 1, 2), News("score", "evaluates val", 1, 1)]


def test_a_run_whose_listener_is_gone_ends_as_by_ctrl_c():
    here, there = multiprocessing.Pipe(duplex=False)
    here.close()
    with pytest.raises(KeyboardInterrupt):
        Pipe(there)("train", "step 1", 1, 2)


def test_a_bar_writes_nothing_where_there_is_no_terminal(capsys):
    with bar("set5") as tell:
        tell("downloads", 1, 0)
    with run_bar("carn") as tell_of_run:
        tell_of_run("train", "step 1", 1, 2)
    assert capsys.readouterr() == ("", "")
