"""The verb schema."""

import json
from typing import Any

from srbench.cli.verbs import SchemaVerb
from srbench.core.files import write_file
from srbench.core.harmless import visible
from srbench.core.paths import check_place
from srbench.experiments.editor_schemas import editor_schemas
from srbench.experiments.store.record import record_schema

DEPTH = 3


def write_schemas(asked: SchemaVerb) -> bool:
    """Writes a file each and prints their names. UserError where the folder cannot be written."""
    check_place("OUT", asked.out)
    asked.out.mkdir(parents=True, exist_ok=True)
    for name, schema in {**editor_schemas(), "result": record_schema()}.items():
        path = asked.out / f"{name}.schema.json"
        write_file(path, f"{_text(schema, DEPTH)}\n".encode())
        print(visible(str(path)))
    return True


def _text(value: Any, depth: int) -> str:
    """JSON with a line for each entry down to `depth`: a third of the size of one for each value, and still to compare
    line by line."""
    if depth == 0 or not isinstance(value, dict) or not value:
        return json.dumps(value, ensure_ascii=False)
    entries = [f"{json.dumps(key, ensure_ascii=False)}: {_text(entry, depth - 1)}" for key, entry in value.items()]
    return "{\n" + ",\n".join(entries) + "\n}"
