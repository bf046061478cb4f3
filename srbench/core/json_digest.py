"""SHA-256 of facts that JSON can hold."""

import hashlib
import json
from typing import Any


def json_digest(facts: Any) -> str:
    """In hex; the order of keys does not matter."""
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()
