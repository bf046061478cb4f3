"""The verb schema."""

import json

from srbench.cli.verbs import SchemaVerb
from srbench.core.files import write_file
from srbench.core.harmless import visible
from srbench.core.paths import check_place
from srbench.experiments.editor_schemas import editor_schemas
from srbench.experiments.store.record import record_schema


def write_schemas(asked: SchemaVerb) -> bool:
    """Writes a file each and prints their names. UserError where the folder cannot be written."""
    check_place("OUT", asked.out)
    asked.out.mkdir(parents=True, exist_ok=True)
    for name, schema in {**editor_schemas(), "result": record_schema()}.items():
        path = asked.out / f"{name}.schema.json"
        write_file(path, f"{json.dumps(schema, indent=1, ensure_ascii=False)}\n".encode())
        print(visible(str(path)))
    return True
