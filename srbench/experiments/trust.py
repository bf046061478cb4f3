"""What a config that somebody else may have written may have built: classes of srbench, and those that the user allows.

To import a module is to run its code. So all names are looked at before the first is imported.
"""

from collections.abc import Iterator, Sequence
from inspect import isfunction
from typing import Any

from srbench.core.errors import UserError
from srbench.core.lookups import looked_up
from srbench.experiments.component import PARTIAL, TARGET, RefusedError, imported

# The packages that each part of a config may name classes of. The logger is not built from a stored config.
ROOMS = {
    "model": ("srbench.models",),
    "data": ("srbench.data",),
    "protocol": ("srbench.metrics",),
    "recipe": ("srbench.recipes", "srbench.data", "srbench.models", "torch.nn", "torch.optim"),
}


def trusted(config: dict[str, Any], allow: Sequence[str]) -> dict[str, Any]:
    """A stored config without its logger, `${oc.env:…}` looked up where `allow` has the variable's name. Raises
    UserError for others, and for the first `_target_` that is neither of ROOMS nor of `allow`, a class or a package."""
    found: dict[str, Any] = _with_lookups({**config, "logger": {TARGET: None}}, "", allow)
    check_trust(found, allow)
    return found


def _with_lookups(value: Any, key: str, allow: Sequence[str]) -> Any:
    if isinstance(value, dict):
        return {name: _with_lookups(entry, f"{key}.{name}".strip("."), allow) for name, entry in value.items()}
    if isinstance(value, list):
        return [_with_lookups(entry, f"{key}.{number}", allow) for number, entry in enumerate(value)]
    return looked_up(key, value, allow) if isinstance(value, str) else value


def check_trust(config: dict[str, Any], allow: Sequence[str]) -> None:
    """Raises UserError for the first `_target_` that is neither of ROOMS nor of `allow`, a class or a package."""
    nodes = [(key, value) for key, value in _values(config, "") if isinstance(value, dict) and TARGET in value]
    nodes = [(key, node) for key, node in nodes if (key, node[TARGET]) != ("logger", None)]
    packages = [_package(key, node[TARGET], allow) for key, node in nodes]
    for (key, node), package in zip(nodes, packages, strict=True):
        if node[TARGET] not in allow:  # else the user has named the very class
            _check_home(key, node, package)


def _values(value: Any, key: str) -> Iterator[tuple[str, Any]]:
    """Every value in a config with its key, as on the command line."""
    yield key, value
    if isinstance(value, dict | list):
        for name, entry in value.items() if isinstance(value, dict) else enumerate(value):
            yield from _values(entry, f"{key}.{name}" if key else str(name))


def _package(key: str, target: Any, allow: Sequence[str]) -> str:
    """Of those that are allowed, the one that the target lies in, by its name alone."""
    for package in (*allow, *ROOMS.get(key.partition(".")[0], ())):
        if isinstance(target, str) and f"{target}.".startswith(f"{package}."):
            return package
    raise UserError(
        f"{key}.{TARGET}={target}: is not built, as it is no class of srbench's; allow=NAME if you trust it"
    )


def _check_home(key: str, node: dict[str, Any], package: str) -> None:
    """Raises UserError for what is only reached through the package, as `srbench.models.hub.os.system`."""
    target = node[TARGET]
    try:
        found: Any = imported(target)
    except RefusedError as error:
        raise UserError(f"{key}: {error}") from error
    waits = key.startswith("recipe.") and node.get(PARTIAL) and isfunction(found)
    home = f"{found.__module__}.{found.__qualname__}" if isinstance(found, type) or waits else ""
    if not f"{home}.".startswith(f"{package}."):
        told = f" ({home})" if home else ""
        raise UserError(f"{key}.{TARGET}={target}: is not built, as it{told} is no class of {package}")
