"""logger.json."""

import pytest

from srbench.experiments.trackers.curve_rows import ToldRow
from srbench.experiments.trackers.logger_memory import LoggerMemory, read_memory, write_memory

MEMORY = LoggerMemory("wandb", "0a1b2c3d", {"losses.csv": ToldRow("pixel", 20)}, "OSError: full")


def test_what_is_written_is_read(tmp_path):
    write_memory(tmp_path, MEMORY)
    assert read_memory(tmp_path) == MEMORY


def test_there_is_none_where_nothing_was_logged(tmp_path):
    assert read_memory(tmp_path) is None


@pytest.mark.parametrize("content", [b"", b"\0" * 40, b"{}", b"[1]", b"[" * 10**5])
def test_what_cannot_be_read_counts_as_none(tmp_path, content):
    write_memory(tmp_path, MEMORY)
    (tmp_path / "logger.json").write_bytes(content)
    assert read_memory(tmp_path) is None


def test_a_row_whose_step_is_no_number_is_none(tmp_path):
    write_memory(tmp_path, MEMORY)
    file = tmp_path / "logger.json"
    file.write_text(file.read_text().replace("20", '"20"'))
    assert read_memory(tmp_path) is None
