"""The page of a study, in a real browser: what stands in it, what it does, and what it asks for."""

from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Browser

from srbench.experiments.store.record import Membership
from srbench.metrics.figures import Cost
from srbench.reports.write import write_report
from tests.browser import WIDTHS, Visit, chromium, visited
from tests.reports.conftest import BASE, Builder, Outcome

TABLE = "#table-2"  # of the ablation; the first is of runs outside of any
VARIANTS = {"1-1-1": 32.0, "1-2-1": 32.4, "2-4-1": 31.7, "4-2-1": 32.2}


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as found:
        yield found


@pytest.fixture(scope="module")
def report(tmp_path_factory) -> SimpleNamespace:
    """Four variants of two seeds, a network beside, bicubic with HR, claims of none; and the page's file."""
    folder = tmp_path_factory.mktemp("page")
    build, noise = Builder(folder / "runs" / "mine"), np.random.default_rng(0)
    hr = noise.integers(0, 256, (96, 96, 3), dtype=np.uint8)
    names = [build.run("bicubic", hashed="x", left=Outcome(images={"set5": [30.0, 29.0, 28.0]}))]
    for seed in (0, 1):
        batches = noise.normal(size=400)
        for number, (variant, psnr) in enumerate(VARIANTS.items()):
            losses = 0.02 + 0.1 * np.exp(-np.arange(400) / 60) + 0.004 * batches - 0.0005 * number
            images = (psnr + np.array([0.0, 1.0, -1.0]) + 0.01 * noise.normal(size=3)).tolist()
            left = Outcome(images={"set5": images}, losses=losses.tolist())
            cost = Cost(params=1000 * (number + 1), params_dead=0, flops_720p=10**9 * (number + 1))
            place = Membership(BASE.ablation, variant, variant == "1-1-1")
            names.append(build.run("carn", place, seed=seed, hashed=f"{number}", left=left.with_facts(cost=cost)))
    espcn = Outcome(images={"set5": [31.0, 30.0, 32.0]}).with_facts(cost=Cost(params=500))
    build.run("espcn", hashed="e", left=espcn)
    build.run("carn", Membership(BASE.ablation, "late", False), hashed="l")
    for number, name in enumerate(names):
        keep(build.folder / name / "images" / "set5" / "0.png", hr // (number + 1) * (number + 1))
    keep(build.folder / names[0] / "hr" / "set5" / "0.png", hr)
    written = write_report(build.folder, folder / "reports")
    return SimpleNamespace(report=build.report(), page=written / "index.html", folder=written)


def keep(path: Path, pixels: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path)


@pytest.fixture
def visit(browser, report) -> Iterator[Visit]:
    with visited(browser, report.page) as found:
        yield found
    assert found.messages == []
    assert found.asked == []


def column(visit: Visit, title: str, table: str = TABLE) -> list[str]:
    heads = visit.texts(f"{table} thead tr:last-child th")
    return visit.texts(f"{table} tbody tr:not([hidden]) td:nth-child({heads.index(title) + 1})")


def drawn(visit: Visit, chart: str) -> list[dict]:
    """The rows that a chart shows, once it is drawn."""
    article = visit.page.locator(f"article[data-chart={chart}]").first
    article.scroll_into_view_if_needed()
    visit.page.wait_for_selector(f"article[data-chart={chart}][data-drawn]")
    name = "curves" if chart == "curves" else "measured"
    return article.evaluate(f"article => article.view.data('{name}')")


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("dark", [False, True])
def test_it_fits_reads_well_and_asks_for_nothing(browser, report, width, dark):
    with visited(browser, report.page, width, dark) as visit:
        for chart in ("curves", "trade-offs"):
            assert drawn(visit, chart)
        assert visit.overflow == 0
        assert visit.serious == []
        assert visit.messages == []
        assert visit.asked == []


def test_the_question_is_answered_first(visit, report):
    assert visit.texts("main section")[0].startswith("Answers")
    (answer,) = report.report.answers
    assert answer.question in visit.texts("#answers h3")[0]
    assert visit.texts("#answers li")[0] == answer.sentences[0]
    assert "1-2-1 comes out best of 3, +0.4" in answer.sentences[0]


def test_the_table_shows_what_the_report_says(visit):
    assert column(visit, "Variant")[1:] == ["1-1-1 (baseline)", "1-2-1", "2-4-1", "4-2-1", "late"]
    assert [text.split(" ±")[0] for text in column(visit, "PSNR")[1:5]] == ["32.00", "32.40", "31.70", "32.20"]
    assert visit.texts(f"{TABLE} td.best strong") == [column(visit, "PSNR")[2].split("\n")[0]]


def test_a_heading_sorts_both_ways_and_keeps_what_is_missing_at_the_end(visit):
    heading = visit.page.locator(TABLE).get_by_role("button", name="PSNR", exact=True)
    heading.click()
    up = [text[:5] for text in column(visit, "PSNR")]
    assert up[:5] == ["29.00", "31.70", "32.00", "32.20", "32.40"]
    heading.press("Enter")  # by the keyboard, too
    down = [text[:5] for text in column(visit, "PSNR")]
    assert down[:5] == up[4::-1]
    assert up[5] == down[5] == column(visit, "PSNR")[5][:5]
    assert visit.page.locator(f"{TABLE} th[aria-sort=descending]").count() == 1


def test_rows_are_filtered_by_model_and_by_text(visit):
    model = visit.page.locator(".filter select[name=model]")
    model.select_option("bicubic")
    assert column(visit, "Model") == ["bicubic"]
    model.select_option("")
    visit.page.get_by_label("Text").fill("2-1")
    assert column(visit, "Variant") == ["1-2-1", "4-2-1"]


def test_what_is_copied_is_what_is_seen(browser, report):
    with visited(browser, report.page) as visit:
        visit.page.get_by_label("Text").fill("2-1")
        text = visit.page.evaluate("asText(document.getElementById('table-2'), 'markdown')")
        head, _rule, *rows = text.strip().splitlines()[:4]
        assert head.startswith("| Model | Variant | Scale |")
        assert [row.split(" | ")[1] for row in rows] == ["1-2-1", "4-2-1"]
        latex = visit.page.evaluate("asText(document.getElementById('table-2'), 'latex')")
        assert latex.count(r"\midrule") == 1
        assert r"\end{table}" in latex
        comma = visit.page.evaluate("asText(document.getElementById('table-2'), 'csv')").strip().splitlines()
        assert len(comma) == 3


def test_the_copied_table_as_a_whole_is_the_table_of_the_report(visit, report):
    latex = visit.page.evaluate("asText(document.getElementById('table-2'), 'latex')")
    assert latex.strip() in (report.folder / "table.tex").read_text()


def test_curves_are_shown_with_their_numbers(visit, report):
    rows = drawn(visit, "curves")
    (panel,) = (panel for panel in report.report.panels if panel.title == "carn · atrous")
    assert {row["run"] for row in rows} == {curve.label for curve in panel.curves}
    (curve,) = (curve for curve in panel.curves if curve.label == "1-2-1")
    last = max((row for row in rows if row["run"] == "1-2-1"), key=lambda row: row["step"])
    assert last["step"] == curve.steps[-1]
    assert last["loss"] == pytest.approx(curve.smooth[-1], rel=0.05)
    assert last["low"] <= last["high"]


def test_the_difference_to_the_baseline_shows_what_the_losses_hide(visit):
    drawn(visit, "curves")
    article = visit.page.locator("article[data-chart=curves]").first
    article.locator("select[name=kind]").select_option(label="difference to the baseline")
    visit.page.wait_for_function(
        "document.querySelector('article.chart').view.data('curves').every(row => row.loss < 0)"
    )
    rows = article.evaluate("article => article.view.data('curves')")
    assert {row["run"] for row in rows} == {"1-2-1", "2-4-1", "4-2-1"}
    for number, variant in enumerate(("1-2-1", "2-4-1", "4-2-1"), 1):
        found = [row["loss"] for row in rows if row["run"] == variant]
        assert found == pytest.approx([-0.0005 * number] * len(found), abs=2e-5)


def test_the_legend_names_the_baseline(visit):
    labels = visit.page.locator("article[data-chart=curves]").first.locator(".legend label").all_inner_texts()
    assert [label for label in labels if label.endswith(" 1-1-1 (baseline)")]


def test_a_curve_is_left_out_where_its_box_is_not_ticked(visit):
    drawn(visit, "curves")
    visit.page.locator("article[data-chart=curves] .legend label", has_text="4-2-1").locator("input").uncheck()
    visit.page.wait_for_function(
        "!document.querySelector('article.chart').view.data('curves').some(row => row.run === '4-2-1')"
    )


def test_smoothing_changes_the_lines(visit):
    before = drawn(visit, "curves")
    slider = visit.page.get_by_label("Smoothing").first
    slider.fill("10")
    visit.page.wait_for_function(
        "first => document.querySelector('article.chart').view.data('curves')[200].loss !== first",
        arg=before[200]["loss"],
    )
    assert visit.texts("article[data-chart=curves] output")[0] == "10 %"


def test_pointing_at_a_curve_names_its_run_and_step(visit):
    drawn(visit, "curves")
    canvas = visit.page.locator("article[data-chart=curves] canvas").first
    box = canvas.bounding_box()
    visit.page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    visit.page.mouse.move(box["x"] + box["width"] / 2 + 3, box["y"] + box["height"] / 2)
    visit.page.wait_for_selector("#vg-tooltip-element.visible")
    told = visit.page.locator("#vg-tooltip-element").inner_text()
    assert any(variant in told for variant in VARIANTS), told
    assert "step" in told
    assert "loss" in told


def test_trade_offs_name_their_front(visit, report):
    rows = drawn(visit, "trade-offs")
    assert {row["network"]: row["score"] for row in rows}.keys() >= {"espcn", "carn 1-2-1"}
    (found,) = report.report.trade_offs
    article = visit.page.locator("article[data-chart=trade-offs]").first
    article.get_by_label("against").select_option("FLOPs 720p (G)")
    visit.page.wait_for_function(
        "document.querySelector('article[data-chart=trade-offs]').view.data('measured').length === 4"
    )
    cost, score = next(axes for axes in found.axes if axes[0].name == "flops_720p")
    named = ", ".join(one.label for one in found.front(cost, score))
    assert article.locator(".front").inner_text() == f"On the front: {named}."


def test_two_crops_are_compared_with_a_border_that_moves(visit):
    article = visit.page.locator("article.crops").first
    assert visit.texts("article.crops figcaption")[:2] == ["HR", "bicubic\n30.00 dB"]
    article.get_by_label("Left").select_option(label="bicubic")
    sources = article.locator(".grid img").evaluate_all("images => images.map(image => image.src)")
    assert article.locator(".under").get_attribute("src") == sources[1]
    article.get_by_label("Border").fill("25")
    style = article.locator(".over").evaluate("image => getComputedStyle(image).clipPath")
    assert style == "inset(0px 0px 0px 25%)"


def test_a_crop_is_shown_at_a_whole_multiple_of_its_pixels(visit):
    image = visit.page.locator("article.crops .grid img").first
    assert image.evaluate("image => [image.naturalWidth, image.width]") == [64, 192]
    visit.page.get_by_label("Zoom").select_option("4")
    assert image.evaluate("image => image.width") == 256
    assert image.evaluate("image => getComputedStyle(image).imageRendering") == "pixelated"


def test_what_is_missing_and_how_sure_the_rest_is_stand_at_the_end(visit):
    assert any("late" in line and "not run yet" in line for line in visit.texts("#trust .gaps li"))
    assert column(visit, "Better on", "#certain-1")[0] == "100 %"
    assert column(visit, "Seeds", "#certain-1")[0] == "2"
    assert visit.texts("#trust dl dt")[0] == "set5"


def test_it_is_small_and_made_without_torch(report):
    assert report.page.stat().st_size < 2_000_000
