"""What the pages take from the code is all that there is."""

import importlib.util
import re
from pathlib import Path

import pytest
import yaml

from srbench.cli.verbs import VERBS
from srbench.core.paths import conf_folder
from srbench.experiments.store.record import record_schema
from srbench.metrics.metric_facts import METRIC_FACTS
from srbench.metrics.table import ALL_COSTS, METRICS

DOCS = Path(__file__).parents[2] / "docs"


@pytest.fixture(scope="module")
def inserted():
    spec = importlib.util.spec_from_file_location("inserted", DOCS / "inserted.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_every_mark_of_a_page_has_something_to_insert_and_the_other_way_round(inserted):
    pages = [page.read_text(encoding="utf-8") for page in DOCS.rglob("*.md")]
    assert sorted(mark for page in pages for mark in inserted.MARK.findall(page)) == sorted(inserted.INSERTED)


def test_every_verb_and_what_it_takes_is_on_the_page(inserted):
    page = inserted.commands()
    assert re.findall(r"^## (.*)$", page, re.MULTILINE) == [verb.about.name for verb in VERBS]
    assert "| `metric=` | the metric to check" in page


def test_every_option_of_a_group_is_on_the_page(inserted):
    page = inserted.keys()
    for group in ("model", "recipe", "data", "protocol", "ablation"):
        for path in (conf_folder() / group).glob("*.yaml"):
            assert f"| `{group}={path.stem}` | " in page


def test_metrics_costs_and_fields_are_on_their_pages(inserted):
    assert METRIC_FACTS.keys() == METRICS.keys()
    assert all(f"## {name}\n" in inserted.metrics() for name in METRICS)
    assert all(f"| `{name}` | " in inserted.metrics() for name in ALL_COSTS)
    assert all(f"## {name}\n" in inserted.record() for name in record_schema()["$defs"])


def test_the_committed_reports_are_the_results(inserted):
    page = inserted.results()
    assert "![training losses](reports/example/curves.png)" in page
    assert "carn_study" in page


def test_the_pages_are_those_of_the_contents():
    told = (DOCS.parent / "mkdocs.yml").read_text(encoding="utf-8")
    named = set(re.findall(r": ([\w/]+\.md)$", told, re.MULTILINE))
    assert named == {str(page.relative_to(DOCS)) for page in DOCS.rglob("*.md")}
    assert yaml.safe_load(told)["plugins"]
