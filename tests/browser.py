"""A real browser without a window: what a page does, says and asks for."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, ConsoleMessage, Page, Request, sync_playwright

WIDTHS = (390, 1440)  # of a phone and of a screen, in pixels


@contextmanager
def chromium() -> Iterator[Browser]:
    """Chromium as the system has it; skips where there is none. To be closed before another test starts a loop of
    asyncio in this thread: use it in fixtures of a module, not of a session."""
    path = shutil.which("chromium") or shutil.which("google-chrome")
    if path is None:
        pytest.skip("no Chromium (Debian: apt-get install chromium)")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        yield browser
        browser.close()


@dataclass(frozen=True)
class Visit:
    """`page`: Playwright's; `messages`: of its console, errors too; `asked`: the addresses of what it asked for that is
    no file of this machine."""

    page: Page
    messages: list[str] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)

    @property
    def overflow(self) -> int:
        """Pixels by which the page is wider than its window."""
        told: int = self.page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        return told

    @property
    def serious(self) -> list[str]:
        """What axe-core finds that keeps people from reading the page, a line each."""
        found = Axe().run(self.page, options={"preload": False}).response["violations"]  # its own requests
        return [
            f"{one['id']}: {one['help']}: {node['html']}"
            for one in found
            if one["impact"] in ("serious", "critical")
            for node in one["nodes"]
        ]

    def texts(self, selector: str) -> list[str]:
        """What stands in the elements."""
        return [text.strip() for text in self.page.locator(selector).all_inner_texts()]


@contextmanager
def visited(browser: Browser, file: Path, width: int = WIDTHS[-1], dark: bool = False) -> Iterator[Visit]:
    """A file in a window of that width, on a machine without a network."""
    context = browser.new_context(
        viewport={"width": width, "height": 900}, color_scheme="dark" if dark else "light", offline=True
    )
    context.set_default_timeout(20_000)
    visit = Visit(context.new_page())

    def hear(message: ConsoleMessage) -> None:
        visit.messages.append(f"{message.type}: {message.text}")

    def see(request: Request) -> None:
        if not request.url.startswith(("file:", "data:", "blob:")):
            visit.asked.append(request.url)

    visit.page.on("console", hear)
    visit.page.on("pageerror", lambda error: visit.messages.append(f"pageerror: {error}"))
    visit.page.on("request", see)
    visit.page.goto(file.resolve().as_uri())
    yield visit
    context.close()
