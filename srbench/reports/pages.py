"""Templates of pages, in which text of others says what it says and does nothing."""

from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from srbench.core.harmless import in_one_line


def page_templates(folder: Path) -> Environment:
    """Those in `folder`: they escape what they are given, and show it in one line in which nothing is hidden."""
    return Environment(
        loader=FileSystemLoader(folder),
        autoescape=True,
        finalize=_visible,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def _visible(value: object) -> object:
    """What is escaped already stays, and so do the spaces of a template."""
    return in_one_line(value) if type(value) is str and value.strip() else value
