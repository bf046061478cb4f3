"""One at a time holds a lock, and no file of it stays."""

from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from threading import Event

from srbench.core.lock_files import locked


def test_one_at_a_time_holds_it_though_its_file_goes_each_time(tmp_path):
    inside, most, waited = list[int](), list[int](), list[int]()

    def work(number: int) -> None:
        with suppress(ZeroDivisionError), locked(tmp_path / "lock", lambda: waited.append(number)):
            inside.append(number)
            most.append(len(inside))
            inside.remove(number)
            number // (number % 2)  # every other one fails

    with ThreadPoolExecutor(8) as threads:
        list(threads.map(work, range(100)))
    assert most == [1] * 100
    assert not list(tmp_path.iterdir())


def test_who_waits_is_told_and_gets_it_from_who_held_it(tmp_path):
    told = Event()

    def take() -> bool:
        with locked(tmp_path / "lock", told.set):
            return True

    with ThreadPoolExecutor(1) as threads:
        with locked(tmp_path / "lock", lambda: None):
            taken = threads.submit(take)
            told.wait()
        assert taken.result()
    assert not list(tmp_path.iterdir())
