"""The YAML files of conf/ablation and of sweeps, in which names are read as they are written."""

from pathlib import Path
from typing import Any

import yaml

from srbench.core.yaml_files import read_yaml

NAMING = ("baseline", "rows")  # keys whose value is one of the names, or a list of them


class _Names(yaml.SafeLoader):
    """YAML reads the keys `off`, `1e3` and `2024_11_26` as a truth value and numbers; a variant is called as it is
    written. Values stay what YAML makes of them."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        """By keys that are texts. ConstructorError for a key that is not, and for one that stands there twice."""
        self.flatten_mapping(node)
        found: dict[Any, Any] = {}
        for key_node, value_node in node.value:
            key = key_node.value
            if not isinstance(key, str) or key in found:
                told = f"the key {key} stands there twice" if isinstance(key, str) else "a key is no text"
                raise yaml.constructor.ConstructorError(None, None, told, key_node.start_mark)
            named = key in NAMING
            found[key] = self._name(value_node) if named else self.construct_object(value_node, deep=deep)
        return found

    def _name(self, node: yaml.Node) -> Any:
        """A name or a list of names as written; else its value."""
        if isinstance(node, yaml.SequenceNode):
            return [self._name(one) for one in node.value]
        value = self.construct_object(node, deep=True)
        return node.value if isinstance(node, yaml.ScalarNode) and value is not None else value


def read_study_file(path: Path) -> Any:
    """The content of a file. Raises UserError as `read_yaml`."""
    return read_yaml(path, _Names)
