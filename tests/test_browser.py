"""That the browser of the tests hears and sees what a page does."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from tests.browser import chromium, visited

BAD = """<!doctype html><html lang="en"><title>bad</title><main><h1>Bad</h1>
<p style="width: 2000px">wide <img src="https://example.invalid/x.png"></p>
<p style="color: #eee; background: #fff">pale</p>
<script>console.log("said"); throw new Error("broken")</script></main></html>"""
GOOD = """<!doctype html><html lang="en"><title>good</title><main><h1>Good</h1><p>as it should be</p></main></html>"""


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as started:
        yield started


def test_what_is_wrong_with_a_page_is_seen(browser: Browser, tmp_path: Path):
    (tmp_path / "bad.html").write_text(BAD)
    with visited(browser, tmp_path / "bad.html", 390) as visit:
        assert "log: said" in visit.messages
        assert "pageerror: broken" in visit.messages
        assert visit.asked == ["https://example.invalid/x.png"]
        assert visit.overflow > 1500
        assert {line.partition(":")[0] for line in visit.serious} == {"color-contrast", "image-alt"}


def test_a_good_page_passes(browser: Browser, tmp_path: Path):
    (tmp_path / "good.html").write_text(GOOD)
    with visited(browser, tmp_path / "good.html", 390) as visit:
        assert (visit.messages, visit.asked, visit.overflow, visit.serious) == ([], [], 0, [])
        assert visit.texts("p") == ["as it should be"]
