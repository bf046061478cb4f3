"""Files from the web: resumed after a break, checked, and there whole or not at all."""

import hashlib
import json
import re
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from http.client import HTTPException, HTTPResponse
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import (
    HTTPDefaultErrorHandler,
    HTTPErrorProcessor,
    HTTPHandler,
    HTTPRedirectHandler,
    HTTPSHandler,
    OpenerDirector,
    ProxyHandler,
    Request,
    UnknownHandler,
)

from srbench.core.errors import UserError
from srbench.core.files import sha256
from srbench.core.lock_files import locked
from srbench.core.progress import Listener

TIMEOUT = 30.0  # seconds, to connect and for each read
PAUSES = (0.5, 1.0, 2.0)  # seconds before each further attempt
CHUNK = 1 << 20

# What urllib opens by itself also reads file://, ftp:// and data:, where a redirect may lead.
HANDLERS = (
    ProxyHandler,
    HTTPHandler,
    HTTPSHandler,
    HTTPRedirectHandler,
    HTTPDefaultErrorHandler,
    HTTPErrorProcessor,
    UnknownHandler,
)


class _TransferError(Exception):
    """An attempt that failed, with the reason in one line; `may_pass`: another may succeed."""

    def __init__(self, reason: str, may_pass: bool = True) -> None:
        super().__init__(" ".join(reason.split()))
        self.may_pass = may_pass


@dataclass(frozen=True)
class _Part:
    """The bytes that have come so far; a note beside them tells which version of the file they belong to."""

    data: Path
    note: Path

    @property
    def size(self) -> int:
        return self.data.stat().st_size if self.data.exists() else 0

    def version(self) -> tuple[str | None, int]:
        """What names the version to the server (None: nothing does), and the size of the whole (0: unknown)."""
        try:
            note = json.loads(self.note.read_bytes())
            return note["validator"], note["size"]
        except (OSError, ValueError, KeyError, TypeError):
            return None, 0

    def begin(self, validator: str | None, size: int) -> None:
        """Nothing has come yet of this version."""
        self.data.write_bytes(b"")  # before the note, lest old bytes pass for the new version's
        self.note.write_text(json.dumps({"validator": validator, "size": size}), encoding="utf-8")

    def discard(self) -> None:
        self.data.unlink(missing_ok=True)
        self.note.unlink(missing_ok=True)


def download(
    address: str,
    path: Path,
    digest: str | None,
    tell: Listener,
    patience: float | None = None,
    timeout: float = TIMEOUT,
    pauses: Sequence[float] = PAUSES,
    at_most: int | None = None,
) -> None:
    """Puts the file at `address` (http or https) at `path`, in one step; returns at once where it already is.

    `digest`: its SHA-256 in hex; with None, the size that the server names is all that is checked, and a file at
    `path` is taken as it is. `at_most`: bytes that it can have; a server that sends more is left. `tell` hears bytes,
    the total 0 where unknown. What has come by an interruption stays
    beside `path`, under a name of its own for each address and digest, and the next call continues it if the server
    still has that version (If-Range). A connection that breaks is tried again after `pauses`, which begin anew
    whenever more has come than before; with `patience`, seconds, it is not, and they are the timeout. Of several
    processes that ask for one `path`, one downloads and the others wait.

    Raises UserError for an address of another kind, a file at `path` that is not the expected one (it stays), a
    download that is not the expected one (it is deleted), and where the network, the server or the disk fail.
    """
    if not re.fullmatch("(?i)https?://[!-~]+", address):
        raise UserError(
            f"{address}: cannot be downloaded: an address begins with http:// or https:// and has no blanks"
        )
    key = hashlib.sha256(f"{address}\n{digest}".encode()).hexdigest()[:8]
    part = _Part(path.with_name(f"{path.name}.{key}.part"), path.with_name(f"{path.name}.{key}.json"))
    lock = path.with_name(f"{path.name}.lock")
    try:
        if _is_there(path, digest):
            return
        path.parent.mkdir(parents=True, exist_ok=True)
        with locked(lock, lambda: tell(f"{path.name}: another process downloads it", part.size, part.version()[1])):
            if not _is_there(path, digest):
                _fetch(address, path, part, tell, patience or timeout, () if patience else pauses, at_most)
                _settle(address, path, part, digest)
    except OSError as error:
        raise UserError(f"{path}: cannot be put there ({error})") from error


def _is_there(path: Path, digest: str | None) -> bool:
    if not path.exists():
        return False
    if digest and (found := sha256(path)) != digest:
        raise UserError(
            f"{path}: not the expected file: its SHA-256 is {found}, not {digest}; move it away and repeat the command"
        )
    return True


def _fetch(
    address: str,
    path: Path,
    part: _Part,
    tell: Listener,
    timeout: float,
    pauses: Sequence[float],
    at_most: int | None,
) -> None:
    """Transfers until the part is whole. The longest part so far counts, as a server may begin anew each time."""
    furthest, left = part.size, list(pauses)
    while True:
        try:
            return _transfer(address, part, path.name, tell, timeout, at_most)
        except _TransferError as error:
            if part.size > furthest:
                furthest, left = part.size, list(pauses)
            if not (error.may_pass and left):
                raise UserError(f"{path.name}: {error}; fetch {address} yourself and put it at {path}") from error
            tell(f"{path.name}: {error}; trying again", part.size, part.version()[1])
            time.sleep(left.pop(0))


def _transfer(address: str, part: _Part, name: str, tell: Listener, timeout: float, at_most: int | None) -> None:
    """One attempt to bring what is missing of the part. Raises _TransferError where it stays incomplete."""
    have, (validator, size) = part.size, part.version()
    if have and have == size:
        return
    resume = {"Range": f"bytes={have}-", "If-Range": validator} if have and validator else {}
    with _open(address, resume, part, timeout) as answer:
        if answer.status == 206:
            size = _continued(answer, part)
        else:
            size = _length(answer)
            part.begin(_validator(answer), size)
        with part.data.open("ab") as file:
            tell(name, file.tell(), size)
            for chunk in _chunks(answer) if _may_be(size, at_most) else ():
                file.write(chunk)
                tell(name, file.tell(), size)
                if not _may_be(file.tell(), at_most):
                    break
    if not _may_be(max(size, part.size), at_most):
        part.discard()
        raise _TransferError(f"the server has more for it than the {at_most:,} bytes that it can have", may_pass=False)
    if size and part.size != size:
        raise _TransferError(f"the connection ended after {part.size} of {size} bytes")


def _may_be(size: int, at_most: int | None) -> bool:
    return at_most is None or size <= at_most


def _open(address: str, headers: Mapping[str, str], part: _Part, timeout: float) -> HTTPResponse:
    opener = OpenerDirector()
    for handler in HANDLERS:
        opener.add_handler(handler())
    try:
        request = Request(address, headers={"User-Agent": "srbench", **headers})
        answer: HTTPResponse = opener.open(request, timeout=timeout)
        return answer
    except HTTPError as error:
        error.close()
        if error.code == 416:  # no such range: the part is longer than the file is now
            part.discard()
        may_pass = error.code in (408, 416, 429) or error.code >= 500
        raise _TransferError(f"the server answers {error.code} {error.reason}", may_pass) from error
    except (OSError, HTTPException, ValueError) as error:  # ValueError: a host's name that cannot be one
        raise _TransferError(f"no connection ({getattr(error, 'reason', error)})") from error


def _chunks(answer: HTTPResponse) -> Iterator[bytes]:
    try:
        while chunk := answer.read1(CHUNK):  # what has come, while read() would lose it when the connection breaks
            yield chunk
    except (OSError, HTTPException) as error:
        raise _TransferError(f"the connection broke ({error})") from error


def _continued(answer: HTTPResponse, part: _Part) -> int:
    """The size of the whole. Discards the part where the answer does not continue it, whatever the server claims."""
    validator, size = part.version()
    span = re.fullmatch(r"bytes (\d+)-\d+/(\d+|\*)", answer.headers.get("Content-Range", ""))
    total = int(span[2]) if span and span[2] != "*" else size
    if not span or int(span[1]) != part.size or total != (size or total) or _validator(answer) not in (None, validator):
        part.discard()
        raise _TransferError("the server has another version by now")
    return total


def _validator(answer: HTTPResponse) -> str | None:
    """What names this version in If-Range, which takes no weak ETag."""
    etag = answer.headers.get("ETag", "")
    return etag if etag.startswith('"') else answer.headers.get("Last-Modified")


def _length(answer: HTTPResponse) -> int:
    return answer.length or 0  # http.client's reading of Content-Length: None where it is absent or does not hold


def _settle(address: str, path: Path, part: _Part, digest: str | None) -> None:
    """Moves the whole part to `path`, or deletes it where it is not the expected file."""
    if digest and (found := sha256(part.data)) != digest:
        part.discard()
        raise UserError(
            f"{address}: not the expected file: its SHA-256 is {found}, not {digest}; repeat the command, and if the "
            f"file there has changed, fetch another copy yourself and put it at {path}"
        )
    part.data.replace(path)
    part.note.unlink(missing_ok=True)
