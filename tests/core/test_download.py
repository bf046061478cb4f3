"""Downloads from a real server that breaks, lies and forgets."""

import hashlib
import json
import re
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from filelock import FileLock

from srbench.core.download import download
from srbench.core.errors import UserError
from tests.http_server import Page, Server, serve

BODY = bytes(range(256)) * 400
OTHER = BODY[::-1]
DIGEST = hashlib.sha256(BODY).hexdigest()

PROGRAM = """
import sys
from pathlib import Path
from srbench.core.download import download
download(sys.argv[1], Path(sys.argv[2]), sys.argv[3], lambda *heard: print(*heard, flush=True))
"""


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    monkeypatch.setenv("no_proxy", "*")
    with serve() as server:
        yield server


class Heard(list):
    def __call__(self, text: str, done: int, total: int) -> None:
        self.append((text, done, total))

    def stop_at(self, size: int) -> Callable[[str, int, int], None]:
        """A listener in whose ear the user presses Ctrl-C."""

        def tell(text: str, done: int, total: int) -> None:
            self(text, done, total)
            if done >= size:
                raise KeyboardInterrupt

        return tell


def get(address: str, path: Path, digest: str | None = DIGEST, attempts: int = 4, **more) -> Heard:
    heard = Heard()
    download(address, path, digest, heard, timeout=10, pauses=[0] * (attempts - 1), **more)
    return heard


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def start(address: str, path: Path) -> subprocess.Popen:
    command = [sys.executable, "-c", PROGRAM, address, str(path), DIGEST]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True, bufsize=1)


def test_the_file_comes_whole_and_alone_and_tells_its_bytes(server, tmp_path):
    path = tmp_path / "new" / "weights.bin"
    heard = get(server.add("/a", Page(BODY)), path)
    assert path.read_bytes() == BODY
    assert names(path.parent) == ["weights.bin"]
    assert heard[0] == ("weights.bin", 0, len(BODY))
    assert heard[-1] == ("weights.bin", len(BODY), len(BODY))
    assert heard == sorted(heard)
    assert [(answer.agent, answer.range) for answer in server.log] == [("srbench", None)]


def test_without_a_length_the_total_is_unknown(server, tmp_path):
    heard = get(server.add("/a", Page(BODY, tells_length=False)), tmp_path / "a")
    assert (tmp_path / "a").read_bytes() == BODY
    assert heard[-1] == ("a", len(BODY), 0)


def test_an_empty_file_is_a_file(server, tmp_path):
    get(server.add("/a", Page(b"")), tmp_path / "a", hashlib.sha256(b"").hexdigest())
    assert (tmp_path / "a").read_bytes() == b""


@pytest.mark.parametrize("digest", [DIGEST, None])
def test_a_file_that_is_there_costs_no_connection(server, tmp_path, digest):
    (tmp_path / "a").write_bytes(BODY)
    assert get(server.address("/a"), tmp_path / "a", digest) == []
    assert server.log == []
    assert names(tmp_path) == ["a"]


def test_a_file_that_is_there_waits_for_nobody(server, tmp_path):
    (tmp_path / "a").write_bytes(BODY)
    with FileLock(tmp_path / "a.lock"):  # whoever waits for it tells so
        download(server.address("/a"), tmp_path / "a", DIGEST, lambda *heard: pytest.fail(f"tells {heard}"))
    assert server.log == []
    assert (tmp_path / "a").read_bytes() == BODY


def test_a_wrong_file_that_is_there_stays_and_is_named(server, tmp_path):
    (tmp_path / "a").write_bytes(b"mine")
    mine = hashlib.sha256(b"mine").hexdigest()
    with pytest.raises(UserError) as caught:
        get(server.add("/a", Page(BODY)), tmp_path / "a")
    assert str(caught.value) == (
        f"{tmp_path / 'a'}: not the expected file: its SHA-256 is {mine}, not {DIGEST}; "
        "move it away and repeat the command"
    )
    assert server.log == []
    assert (tmp_path / "a").read_bytes() == b"mine"


@pytest.mark.parametrize("resets", [False, True])
def test_a_broken_connection_is_continued_where_it_broke(server, tmp_path, resets):
    address = server.add("/a", Page(BODY, breaks=[1000, 2000], resets=resets))
    heard = get(address, tmp_path / "a", attempts=2)  # two breaks, but each brought something
    assert (tmp_path / "a").read_bytes() == BODY
    assert names(tmp_path) == ["a"]
    assert server.log[0].range is None
    begins = [int(answer.range.removeprefix("bytes=").removesuffix("-")) for answer in server.log[1:]]
    assert {answer.if_range for answer in server.log[1:]} == {'"first"'}
    assert [answer.status for answer in server.log] == [200, 206, 206]
    if resets:  # what had not been read yet is lost
        assert 0 < begins[0] <= 1000
        assert begins[0] < begins[1] <= 3000
    else:
        assert begins == [1000, 3000]
        assert heard.count((f"a: the connection ended after 1000 of {len(BODY)} bytes; trying again", 1000, len(BODY)))


def test_ctrl_c_leaves_a_part_that_the_next_call_continues(server, tmp_path):
    address = server.add("/a", Page(BODY, breaks=[5000]))
    with pytest.raises(KeyboardInterrupt):
        download(address, tmp_path / "a", DIGEST, Heard().stop_at(5000))
    assert not (tmp_path / "a").exists()
    get(address, tmp_path / "a")
    assert (tmp_path / "a").read_bytes() == BODY
    assert [(answer.range, answer.sent) for answer in server.log] == [(None, 5000), ("bytes=5000-", len(BODY) - 5000)]
    assert names(tmp_path) == ["a"]


def test_a_part_that_is_whole_already_needs_no_connection(server, tmp_path):
    address = server.add("/a", Page(BODY))
    with pytest.raises(KeyboardInterrupt):
        download(address, tmp_path / "a", DIGEST, Heard().stop_at(len(BODY)))
    get(address, tmp_path / "a")
    assert (tmp_path / "a").read_bytes() == BODY
    assert len(server.log) == 1


@pytest.mark.parametrize(
    ("etag", "modified", "condition"),
    [
        ('"strong"', "Mon, 01 Jan 2024 00:00:00 GMT", '"strong"'),
        ('W/"weak"', "Mon, 01 Jan 2024 00:00:00 GMT", "Mon, 01 Jan 2024 00:00:00 GMT"),
        (None, "Mon, 01 Jan 2024 00:00:00 GMT", "Mon, 01 Jan 2024 00:00:00 GMT"),
    ],
)
def test_the_condition_is_a_strong_etag_or_the_date(server, tmp_path, etag, modified, condition):
    get(server.add("/a", Page(BODY, etag, modified, breaks=[1000])), tmp_path / "a")
    assert (tmp_path / "a").read_bytes() == BODY
    assert [(answer.range, answer.if_range) for answer in server.log] == [(None, None), ("bytes=1000-", condition)]


@pytest.mark.parametrize("etag", [None, 'W/"weak"'])
def test_a_version_without_a_name_begins_anew(server, tmp_path, etag):
    get(server.add("/a", Page(BODY, etag, breaks=[1000])), tmp_path / "a")
    assert (tmp_path / "a").read_bytes() == BODY
    assert [answer.range for answer in server.log] == [None, None]


def test_a_server_without_ranges_begins_anew(server, tmp_path):
    get(server.add("/a", Page(BODY, ranges=False, breaks=[1000])), tmp_path / "a")
    assert (tmp_path / "a").read_bytes() == BODY
    assert [(answer.range, answer.status) for answer in server.log] == [(None, 200), ("bytes=1000-", 200)]


def test_a_server_that_never_gets_further_is_given_up(server, tmp_path):
    address = server.add("/a", Page(BODY, ranges=False, breaks=[500] + [1000] * 9))
    with pytest.raises(UserError, match=f"^a: the connection ended after 1000 of {len(BODY)} bytes; fetch {address} "):
        get(address, tmp_path / "a", attempts=3)
    assert [answer.sent for answer in server.log] == [500, 1000, 1000, 1000]


@pytest.mark.parametrize("obeys", [True, False])
def test_a_version_that_changed_in_between_is_not_mixed_in(server, tmp_path, obeys):
    """Even where the server looks at Range and overlooks If-Range; its ETag tells then."""
    page = Page(OTHER, '"old"', breaks=[1000], obeys_if_range=obeys)
    with pytest.raises(KeyboardInterrupt):
        download(server.add("/a", page), tmp_path / "a", None, Heard().stop_at(1000))
    page.body, page.etag = BODY, '"new"'
    get(server.address("/a"), tmp_path / "a", None)
    assert (tmp_path / "a").read_bytes() == BODY
    asked = [(answer.range, answer.if_range) for answer in server.log]
    assert asked == [(None, None), ("bytes=1000-", '"old"')] + [(None, None)] * (not obeys)


def test_a_file_that_shrank_begins_anew(server, tmp_path):
    page = Page(OTHER, breaks=[1000], obeys_if_range=False)
    with pytest.raises(KeyboardInterrupt):
        download(server.add("/a", page), tmp_path / "a", None, Heard().stop_at(1000))
    page.body = b"short"
    get(server.address("/a"), tmp_path / "a", None)
    assert (tmp_path / "a").read_bytes() == b"short"
    assert [answer.status for answer in server.log] == [200, 416, 200]


def test_parts_of_two_expected_files_do_not_meet(server, tmp_path):
    page = Page(OTHER, breaks=[1000])
    with pytest.raises(KeyboardInterrupt):
        download(server.add("/a", page), tmp_path / "a", "0" * 64, Heard().stop_at(1000))
    page.body = BODY
    get(server.address("/a"), tmp_path / "a")
    assert [answer.range for answer in server.log] == [None, None]


def test_a_damaged_note_begins_anew(server, tmp_path):
    address = server.add("/a", Page(BODY, breaks=[1000]))
    with pytest.raises(KeyboardInterrupt):
        download(address, tmp_path / "a", DIGEST, Heard().stop_at(1000))
    (note,) = tmp_path.glob("a.*.json")
    assert json.loads(note.read_text()) == {"validator": '"first"', "size": len(BODY)}
    note.write_text(note.read_text()[:-5])
    get(address, tmp_path / "a")
    assert [answer.range for answer in server.log] == [None, None]


def test_a_wrong_checksum_is_told_and_nothing_of_it_stays(server, tmp_path):
    page = Page(OTHER)
    address, got = server.add("/a", page), hashlib.sha256(OTHER).hexdigest()
    with pytest.raises(UserError) as caught:
        get(address, tmp_path / "a")
    assert str(caught.value) == (
        f"{address}: not the expected file: its SHA-256 is {got}, not {DIGEST}; repeat the command, and if the "
        f"file there has changed, fetch another copy yourself and put it at {tmp_path / 'a'}"
    )
    assert names(tmp_path) == []
    page.body = BODY
    get(address, tmp_path / "a")
    assert names(tmp_path) == ["a"]


@pytest.mark.parametrize("status", [500, 503, 429])
def test_a_server_in_trouble_is_asked_again(server, tmp_path, status):
    get(server.add("/a", Page(BODY, errors=[status, status])), tmp_path / "a", attempts=3)
    assert (tmp_path / "a").read_bytes() == BODY
    assert [answer.status for answer in server.log] == [status, status, 200]


@pytest.mark.parametrize(
    ("errors", "reason", "asked"),
    [([404], "404 Not Found", 1), ([403], "403 Forbidden", 1), ([500] * 9, "500 Internal Server Error", 3)],
)
def test_an_error_of_the_server_ends_in_what_to_do_by_hand(server, tmp_path, errors, reason, asked):
    address, path = server.add("/a", Page(BODY, errors=errors)), tmp_path / "a"
    with pytest.raises(UserError) as caught:
        get(address, path, attempts=3)
    assert str(caught.value) == f"a: the server answers {reason}; fetch {address} yourself and put it at {path}"
    assert len(server.log) == asked


def test_without_a_network_the_line_says_what_to_do_by_hand(server, tmp_path):
    with socket.socket() as closed:  # bound, so that nobody else takes the port, and not listening
        closed.bind(("127.0.0.1", 0))
        address, path = f"http://127.0.0.1:{closed.getsockname()[1]}/a", tmp_path / "a"
        with pytest.raises(UserError) as caught:
            get(address, path, attempts=2)
    refused = r"a: no connection \(\[Errno \d+\] Connection refused\); fetch "
    assert re.fullmatch(f"{refused}{re.escape(f'{address} yourself and put it at {path}')}", str(caught.value))


@pytest.mark.parametrize("address", ["http://a..b/c", "http://localhost:port/c", "http:///c", "http://[/c"])
def test_an_address_that_leads_nowhere_is_no_connection(server, tmp_path, address):
    with pytest.raises(UserError, match=r"^a: no connection \(.+\); fetch http://.* yourself and put it at "):
        get(address, tmp_path / "a", attempts=1)


def test_https_is_spoken(server, tmp_path):
    """To a server that does not understand it."""
    address = server.add("/a", Page(BODY)).replace("http:", "https:")
    with pytest.raises(UserError, match=r"^a: no connection \(\[SSL"):
        get(address, tmp_path / "a", attempts=1)


@pytest.mark.parametrize(
    "address", ["file:///etc/hostname", "ftp://x/y", "data:,a", "x/y", "http://x/a b", "http://é/"]
)
def test_other_addresses_are_refused(tmp_path, address):
    with pytest.raises(UserError, match=re.escape(f"{address}: cannot be downloaded: an address begins with http://")):
        get(address, tmp_path / "a")
    assert names(tmp_path) == []


def test_a_redirect_is_followed_and_continued(server, tmp_path):
    server.add("/there", Page(BODY, breaks=[1000]))
    get(server.add("/a", Page(location="/there")), tmp_path / "a")
    assert (tmp_path / "a").read_bytes() == BODY
    asked = [(answer.path, answer.range) for answer in server.log]
    assert asked == [("/a", None), ("/there", None), ("/a", "bytes=1000-"), ("/there", "bytes=1000-")]


@pytest.mark.parametrize(
    ("target", "reason"),
    [
        ("file:///etc/hostname", "Redirection to url 'file:///etc/hostname' is not allowed"),
        ("data:,a", "Redirection to url 'data:,a' is not allowed"),
        ("ftp://127.0.0.1/a", "no connection (unknown url type: ftp)"),
        ("/a", "would lead to an infinite loop"),
    ],
)
def test_a_redirect_to_anything_else_is_not_followed(server, tmp_path, target, reason):
    address = server.add("/a", Page(location=target))
    with pytest.raises(UserError, match=re.escape(reason)) as caught:
        get(address, tmp_path / "a", attempts=1)
    assert str(caught.value).endswith(f"; fetch {address} yourself and put it at {tmp_path / 'a'}")
    assert "\n" not in str(caught.value)
    assert names(tmp_path) == []


def test_a_server_that_falls_silent_is_given_up(server, tmp_path):
    hold = threading.Event()
    address = server.add("/a", Page(BODY, hold=hold))
    with pytest.raises(UserError, match=r"^a: the connection broke \(timed out\); fetch "):
        download(address, tmp_path / "a", DIGEST, Heard(), timeout=0.1, pauses=[])
    server.pages["/a"].hold = None
    get(address, tmp_path / "a")
    hold.set()
    assert server.log[1].range == f"bytes={len(BODY) // 2}-"


def test_with_patience_there_is_one_attempt_of_so_many_seconds(server, tmp_path):
    hold = threading.Event()
    address = server.add("/a", Page(BODY, hold=hold))
    with pytest.raises(UserError, match=r"^a: the connection broke \(timed out\); fetch "):
        download(address, tmp_path / "a", DIGEST, Heard(), patience=0.1)
    hold.set()
    assert len(server.log) == 1


def test_a_place_that_cannot_be_written_to_is_told(server, tmp_path):
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(UserError, match=re.escape(f"{tmp_path / 'file' / 'a'}: cannot be put there (")):
        get(server.add("/a", Page(BODY)), tmp_path / "file" / "a")


def test_of_two_processes_one_downloads_and_the_other_waits(server, tmp_path):
    hold = threading.Event()
    address, path = server.add("/a", Page(BODY, hold=hold)), tmp_path / "a"
    with start(address, path) as first:
        assert first.stdout.readline() == f"a 0 {len(BODY)}\n"
        with start(address, path) as second:
            assert second.stdout.readline().startswith("a: another process downloads it ")
            hold.set()
            assert first.stdout.read().endswith(f"a {len(BODY)} {len(BODY)}\n")
            assert (first.wait(), second.wait()) == (0, 0)
    assert path.read_bytes() == BODY
    assert [answer.sent for answer in server.log] == [len(BODY)]
    assert names(tmp_path) == ["a"]


def test_where_the_download_fails_who_waited_goes_on_and_no_lock_stays(server, tmp_path):
    hold = threading.Event()
    page = Page(OTHER, hold=hold)
    address, path = server.add("/a", page), tmp_path / "a"
    with start(address, path) as first:
        assert first.stdout.readline() == f"a 0 {len(OTHER)}\n"
        with start(address, path) as second:
            assert second.stdout.readline().startswith("a: another process downloads it ")
            hold.set()
            assert first.wait() == 1
            assert second.wait() == 1
    assert [answer.sent for answer in server.log] == [len(OTHER)] * 2
    assert names(tmp_path) == []


def test_a_killed_process_leaves_its_part_and_no_lock(server, tmp_path):
    hold = threading.Event()
    address, path, half = server.add("/a", Page(BODY, hold=hold)), tmp_path / "a", len(BODY) // 2
    with start(address, path) as process:
        assert any(line.startswith(f"a {half} ") for line in process.stdout)
        process.kill()
    hold.set()
    get(address, path)
    assert path.read_bytes() == BODY
    begin = int(server.log[1].range.removeprefix("bytes=").removesuffix("-"))
    assert 0 < begin <= half


def test_of_several_threads_one_downloads(server, tmp_path):
    hold = threading.Event()
    address = server.add("/a", Page(BODY, hold=hold))

    def tell(text: str, done: int, total: int) -> None:
        if "another process" in text:
            hold.set()

    with ThreadPoolExecutor(3) as threads:
        for done in [threads.submit(partial(download, address, tmp_path / "a", DIGEST, tell)) for _ in range(3)]:
            done.result()
    assert (tmp_path / "a").read_bytes() == BODY
    assert [answer.sent for answer in server.log] == [len(BODY)]


@pytest.mark.parametrize("tells_length", [True, False])
def test_a_server_that_has_more_than_the_file_can_have_is_left(server, tmp_path, tells_length):
    page = Page(BODY, tells_length=tells_length)
    with pytest.raises(UserError, match=r"more for it than the 1,000 bytes that it can have; fetch .* yourself"):
        get(server.add("/a", page), tmp_path / "a.bin", at_most=1000)
    assert len(server.log) == 1  # it is not asked again
    assert names(tmp_path) == []


def test_a_server_that_sends_without_end_is_left_at_the_size_that_is_known(monkeypatch, tmp_path):
    monkeypatch.setenv("no_proxy", "*")
    sent = []

    class Endless(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            with suppress(ConnectionError):
                while True:
                    self.wfile.write(bytes(1 << 16))
                    sent.append(1 << 16)

        def log_message(self, format: str, *args: object) -> None:
            """Nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Endless) as endless:
        thread = threading.Thread(target=endless.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        with pytest.raises(UserError, match="100,000 bytes"):
            get(f"http://127.0.0.1:{endless.server_port}/a", tmp_path / "a.bin", at_most=100_000)
        endless.shutdown()
        thread.join()
    assert sum(sent) < 32 << 20  # what was on its way


@pytest.mark.parametrize("tells_length", [True, False])
def test_a_file_of_the_size_that_is_known_comes_whole(server, tmp_path, tells_length):
    get(server.add("/a", Page(BODY, tells_length=tells_length)), tmp_path / "a.bin", at_most=len(BODY))
    assert (tmp_path / "a.bin").read_bytes() == BODY
