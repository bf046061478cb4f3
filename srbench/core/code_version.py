"""Which srbench this is, to the byte: what two machines must have in common to work on one study."""

import hashlib
from dataclasses import dataclass
from functools import cache
from importlib.metadata import PackageNotFoundError, version

from srbench.core.paths import PACKAGE


@dataclass(frozen=True)
class CodeVersion:
    """`version`: as installed; `digest`: SHA-256, in hex, of the package's Python files, names and contents."""

    version: str
    digest: str

    def __str__(self) -> str:
        return f"{self.version} (code {self.digest[:8]})"


@cache
def code_version() -> CodeVersion:
    """Of this process, as its files were when first asked."""
    found = hashlib.sha256()
    for file in sorted(PACKAGE.rglob("*.py")):
        content = file.read_bytes()
        found.update(f"{file.relative_to(PACKAGE).as_posix()} {len(content)}\n".encode() + content)
    try:
        installed = version("srbench")
    except PackageNotFoundError:
        installed = "not installed"
    return CodeVersion(installed, found.hexdigest())
