"""A hook of MkDocs: what the pages take from the code. Each `<!-- insert: NAME -->` becomes what the function of that
name gives."""

import re
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from srbench.cli.arguments import config_keys_of, options_of, places_of
from srbench.cli.listing import markdown as data_sets
from srbench.cli.model_list import HEAD, model_rows
from srbench.cli.verbs import VERBS
from srbench.experiments.networks import list_models
from srbench.experiments.store.record import record_schema
from srbench.metrics.metric_facts import METRIC_FACTS
from srbench.metrics.table import ALL_COSTS, METRICS

ROOT = Path(__file__).parents[1]
NEEDED = "must be given"
MARK = re.compile(r"^<!-- insert: (\w+) -->$", re.MULTILINE)


def on_page_markdown(markdown: str, **_: Any) -> str:
    """MkDocs's hook."""
    return MARK.sub(lambda found: INSERTED[found[1]](), markdown)


def on_files(files: Any, config: Any) -> Any:
    """MkDocs's hook: the pictures of the committed reports, as files of the site."""
    from mkdocs.structure.files import File

    for picture in sorted((ROOT / "reports").glob("*/curves.png")):
        place = f"reports/{picture.parent.name}/{picture.name}"
        if _is_committed(picture):
            files.append(File.generated(config, place, abs_src_path=str(picture)))
    return files


def _is_committed(picture: Path) -> bool:
    """Reports that somebody has made here beside the committed ones are no part of the documentation."""
    lines = (ROOT / ".gitignore").read_text(encoding="utf-8").splitlines()
    return f"!/reports/{picture.parent.name}/" in lines


def table(head: Iterable[str], rows: Iterable[Iterable[object]]) -> str:
    """In Markdown."""
    titles = list(head)
    lines = [titles, ["---"] * len(titles), *rows]
    return "\n".join(f"| {' | '.join(_cell(one) for one in line)} |" for line in lines)


def _cell(value: object) -> str:
    return str(value).replace("|", "\\|").replace("\n", " ")


def commands() -> str:
    """Every verb: what it does, takes, and an example."""
    parts = []
    for verb in VERBS:
        rows = [(f"`{one.name}`", one.means, one.default or NEEDED) for one in places_of(verb).values()]
        for key, one in options_of(verb).items():
            shown = f"`{key}`" if one.kind is None else f"`{key}=`"
            rows.append((shown, one.means, NEEDED if one.required else one.default))
        rows += [(f"`{key.name}=`", key.means, key.default) for key in config_keys_of(verb).values()]
        arguments = table(("argument", "what", "default"), rows)
        example = f"    python -m srbench {verb.about.example}"
        parts.append(f"## {verb.about.name}\n\n{verb.about.does}\n\n{arguments}\n\n{example}")
    return "\n\n".join(parts)


def keys() -> str:
    """The config with its comments, and the options of its groups."""
    config = (ROOT / "conf/config.yaml").read_text(encoding="utf-8")
    parts = [f"```yaml\n{config}```"]
    for group in ("model", "recipe", "data", "protocol", "budget", "ablation", "logger"):
        rows = [(f"`{group}={path.stem}`", _said(path)) for path in sorted((ROOT / "conf" / group).glob("*.yaml"))]
        parts.append(f"## {group}\n\n{table(('option', 'what'), rows)}")
    return "\n\n".join(parts)


def _said(path: Path) -> str:
    """The comment at the head of a file, or its title."""
    text = path.read_text(encoding="utf-8")
    said = re.match(r"((?:#.*\n)+)", text)
    if said:
        return " ".join(line.lstrip("# ") for line in said[1].splitlines())
    title = re.search(r"^title: (.*)$", text, re.MULTILINE)
    return title[1].strip("'\"") if title else ""


def models() -> str:
    """Every network that can be loaded by name."""
    rows = ((f"`{name}`", *others) for name, *others in model_rows(list_models()))
    return table(HEAD, rows)


def metrics() -> str:
    """Metrics, then costs."""
    parts = []
    for one in METRICS.values():
        facts, better = METRIC_FACTS[one.name], "higher" if one.higher_is_better else "lower"
        rows = [
            ("computes", facts.computes),
            ("better", f"{better}; printed with {one.decimals} decimals"),
            ("values", facts.values),
            ("source", facts.source),
            ("licence", facts.licence),
            ("weights", f"`{one.weights}`; {one.fix}" if one.weights else "–"),
            ("what the name does not tell", one.caveat or "–"),
        ]
        parts.append(f"## {one.name}\n\n{table(('', one.heading), rows)}")
    costs = [(f"`{one.name}`", one.title, one.unit, one.caveat) for one in ALL_COSTS.values()]
    parts.append(f"## Costs\n\n{table(('column', 'title', 'unit', 'what it does not tell'), costs)}")
    return "\n\n".join(parts)


def sets() -> str:
    """datasets.md, without its title."""
    return data_sets().partition("\n")[2]


def record() -> str:
    """The fields of result.json, type by type."""
    schema = record_schema()
    parts = []
    for name, kind in schema["$defs"].items():
        rows = [(f"`{field}`", _kind(told)) for field, told in kind["properties"].items()]
        parts.append(f"## {name}\n\n{_escaped(kind['description'])}\n\n{table(('field', 'type'), rows)}")
    return "\n\n".join(parts)


def _escaped(text: str) -> str:
    return text.replace("<", "&lt;").replace("[", "\\[")


def _kind(told: dict[str, Any]) -> str:
    """A JSON Schema in words."""
    if "$ref" in told:
        return told["$ref"].rpartition("/")[2]
    if "anyOf" in told:
        return " or ".join(map(_kind, told["anyOf"]))
    if "enum" in told or "const" in told:
        return " or ".join(f"`{one}`" for one in told.get("enum", [told.get("const")]))
    if told.get("type") == "array":
        return f"list of {_kind(told['items'])}"
    if "additionalProperties" in told:
        return f"by name {_kind(told['additionalProperties'])}"
    return str(told.get("type", "anything"))


def results() -> str:
    """The committed reports, each with its curves."""
    parts = []
    for file in sorted((ROOT / "reports").glob("*/table.md")):
        if not _is_committed(file):
            continue
        name = file.parent.name
        text = re.sub(r"^#", "##", file.read_text(encoding="utf-8"), flags=re.MULTILINE)
        curves = f"\n![training losses](reports/{name}/curves.png)\n" if (file.parent / "curves.png").is_file() else ""
        parts.append(f"{text}{curves}")
    return "\n\n".join(parts)


def contributing() -> str:
    """CONTRIBUTING.md, without its title."""
    return _of_repository("CONTRIBUTING.md")


def changes() -> str:
    """CHANGELOG.md, without its title."""
    return _of_repository("CHANGELOG.md")


def _of_repository(name: str) -> str:
    """A page of the repository; what it links to there is named, as the site does not hold it."""
    text = (ROOT / name).read_text(encoding="utf-8").partition("\n")[2]
    text = re.sub(r"\[([^\]]+)\]\((?:docs/)(\w+\.md)\)", r"[\1](\2)", text)
    return re.sub(r"\[([^\]]+)\]\((?!https?://|\w+\.md\))[^)]+\)", r"\1", text)


INSERTED: dict[str, Callable[[], str]] = {
    one.__name__: one for one in (commands, keys, models, metrics, sets, record, results, contributing, changes)
}
