"""The site of many studies, in a real browser: what its tables say, how they behave, and that nothing leaves them."""

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from srbench.core.errors import UserError
from srbench.experiments.store.plans import new_plan, write_plan
from srbench.experiments.store.record import Membership, StageRecord, Training, TrainingData
from srbench.models.hub import checkpoint_catalogue
from srbench.reports.site.site_pages import write_site
from tests.browser import WIDTHS, Visit, chromium, visited
from tests.builders import RGB, planned
from tests.reports.conftest import HR, ON_FILES, Builder, Outcome, scored
from tests.reports.test_markups import HOSTILE

CARN_M = next(one for one in checkpoint_catalogue() if one.name == "carn_m")


def training(sha256: str = "d" * 64, steps: int = 1000, full: int = 1000, name: str = "DIV2K") -> Training:
    """On 800 images of this digest, for so many steps of the recipe's."""
    data = TrainingData(name, 800, sha256)
    stage = StageRecord("pixel", steps, 16, 64, 1.0, 0.0, 0.01, (), training_data=data, full_steps=full)
    return Training(steps=steps, stages=(stage,), training_data=data, recipe="carn_paper")


@pytest.fixture
def studies(tmp_path: Path) -> tuple[Builder, Builder]:
    """`zoo`: published weights and bicubic; `mine`: three trainings, one of them short, one on the test set, and one
    that was scored otherwise."""
    zoo, mine = Builder(tmp_path / "runs" / "zoo"), Builder(tmp_path / "runs" / "mine")
    zoo.run("bicubic", hashed="0", left=scored(33.66, 0.93).with_facts(train=Training(), weights_sha256=None))
    facts = {"train": Training(), "weights_sha256": CARN_M.digest}
    zoo.run("carn_m", hashed="1", words=("checkpoint=carn_m",), left=scored(37.53, 0.9583).with_facts(**facts))
    mine.run("edsr", hashed="2", left=scored(37.90, 0.96).with_facts(train=training(), weights_sha256="2"))
    mine.run("mdrn", hashed="3", left=scored(36.10, 0.95).with_facts(train=training(steps=10), weights_sha256="3"))
    mine.run("rcan", hashed="4", left=scored(41.00, 0.99).with_facts(train=training(HR), weights_sha256="4"))
    other = Outcome({"set5": {"psnr": 50.0}}, on=replace(ON_FILES, hr_sha256="e" * 64))
    mine.run("safmn", hashed="5", left=other.with_facts(train=training(), weights_sha256="5"))
    on_rgb = Outcome({"set5": {"psnr": 35.0}}, on=replace(ON_FILES, protocol=RGB))
    mine.run("gfmn", hashed="6", left=on_rgb.with_facts(train=training(), weights_sha256="6"))
    return zoo, mine


@pytest.fixture
def site(studies: tuple[Builder, Builder], tmp_path: Path) -> Path:
    write_site([one.study() for one in studies], tmp_path / "site")
    return tmp_path / "site"


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as started:
        yield started


def pages(site: Path) -> list[Path]:
    """Its own, without the studies' reports."""
    return sorted(path for path in site.rglob("*.html") if "studies" not in path.relative_to(site).parts)


def columns(visit: Visit, *titles: str) -> list[tuple[str, ...]]:
    """What stands in these columns, row by row."""
    heads = [text.rstrip(" ▲▼") for text in visit.texts("thead th")]
    rows = visit.page.locator("tbody tr").all()
    return [tuple(row.locator("td").nth(heads.index(title)).inner_text().strip() for title in titles) for row in rows]


def test_a_board_ranks_the_rows_of_all_studies_that_compare(site, browser):
    with visited(browser, site / "boards/set5-x2-y.html") as visit:
        assert columns(visit, "Rank", "Model", "PSNR", "Studies") == [
            ("not ranked", "rcan", "41.00", "mine"),
            ("1", "edsr", "37.90", "mine"),
            ("2", "carn_m", "37.53", "zoo"),
            ("3", "mdrn", "36.10", "mine"),
            ("4", "bicubic", "33.66", "zoo"),
            ("not ranked", "safmn", "50.00", "mine"),
        ]
        assert visit.texts("strong") == ["37.90", "0.9600"]  # neither what saw the images nor what does not compare


def test_the_status_of_each_row_is_told_and_what_it_was_trained_on(site, browser):
    with visited(browser, site / "boards/set5-x2-y.html") as visit:
        rows = {model: told for model, *told in columns(visit, "Model", "Status", "Trained on")}
    assert rows["edsr"] == ["trained here", "DIV2K, 800 images; 1,000 steps"]
    assert rows["mdrn"] == ["working", "DIV2K, 800 images; 10 of 1,000 steps"]
    assert rows["carn_m"] == ["authors' weights", "DIV2K"]
    assert rows["bicubic"] == ["no weights", ""]
    assert rows["rcan"][0] == "trained here trained on this test set: trained on the images of set5 (equal pixels)"
    assert rows["safmn"][0] == "trained here not compared"


def test_what_does_not_compare_is_named_with_its_reason(site, browser):
    with visited(browser, site / "boards/set5-x2-y.html") as visit:
        (line,) = visit.texts("main ul li")
    assert line.startswith("safmn: scored by y (luma, border scale), 5 images (LR: file), HR eeeeeeeeeeee")


def test_another_protocol_has_a_page_of_its_own(site, browser):
    with visited(browser, site / "boards/set5-x2-rgb.html") as visit:
        assert columns(visit, "Rank", "Model", "PSNR") == [("1", "gfmn", "35.00")]
    assert len(list((site / "boards").iterdir())) == 2


def test_a_model_has_a_page_with_its_paper_licence_and_scores(site, browser):
    with visited(browser, site / "models/carn_m.html") as visit:
        facts = dict(zip(visit.texts("main > dl:first-child dt"), visit.texts("main > dl:first-child dd"), strict=True))
        assert "ECCV 2018" in facts["Published in"]
        assert facts["Year"] == "2018"
        assert "MIT, Copyright (c) 2018 Namhyuk Ahn" in facts["Weights carn_m"]
        assert columns(visit, "Data set", "PSNR", "Trained on") == [("set5, y (luma, border scale)", "37.53", "DIV2K")]


def test_columns_are_sorted_by_mouse_and_by_keyboard_and_what_lacks_a_value_stays_last(site, browser):
    with visited(browser, site / "boards/set5-x2-y.html") as visit:
        button = visit.page.get_by_role("button", name="PSNR")
        button.click()
        assert [float(psnr) for (psnr,) in columns(visit, "PSNR")] == [50.0, 41.0, 37.9, 37.53, 36.1, 33.66]
        assert visit.page.locator("th[aria-sort]").get_attribute("aria-sort") == "descending"
        button.press("Enter")
        assert [float(psnr) for (psnr,) in columns(visit, "PSNR")] == [33.66, 36.1, 37.53, 37.9, 41.0, 50.0]
        assert visit.page.locator("th[aria-sort]").get_attribute("aria-sort") == "ascending"
        visit.page.get_by_role("button", name="Model").press("Space")
        assert [name for (name,) in columns(visit, "Model")] == ["bicubic", "carn_m", "edsr", "mdrn", "rcan", "safmn"]
        for _ in range(2):
            visit.page.get_by_role("button", name="SSIM").click()
            assert columns(visit, "SSIM")[-1] == ("–",)
        assert visit.page.locator("th[aria-sort]").count() == 1


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("width", WIDTHS)
def test_every_page_can_be_read_asks_for_nothing_and_is_no_wider_than_its_window(site, browser, width, dark):
    assert len(pages(site)) == 3 + 7  # with the models'
    for page in pages(site):
        with visited(browser, page, width, dark) as visit:
            assert (visit.messages, visit.asked, visit.overflow, visit.serious) == ([], [], 0, []), page


def test_links_lead_to_pages_that_are_there_the_studies_reports_too(site, browser):
    targets = set()
    for page in pages(site):
        with visited(browser, page) as visit:
            links = visit.page.locator("a").evaluate_all("all => all.map(one => one.href)")
        targets |= {link.partition("#")[0].removeprefix("file://") for link in links}
    assert not [target for target in targets if not Path(target).is_file()]
    assert {f"{site}/studies/{name}/table.md" for name in ("zoo", "mine")} <= targets


def test_names_of_others_are_text_and_nothing_else(tmp_path, browser):
    build, runs = Builder(tmp_path / "runs" / "<b>mine"), {}
    for number, text in enumerate(HOSTILE[:-3]):
        place, name = Membership("atrous", text, False), f"run-{number}"
        words = ("model=carn", f"model.name={text}")
        runs[name] = planned(model=text, variant=text, memberships=(place,), overrides=words, config_hash=f"{number}")
        left = Outcome({text: {"psnr": 30.0}}).with_facts(class_name=text, versions={"srbench": text})
        build.leave(name, runs[name], left)
    write_plan(build.folder, replace(new_plan("mine", "c", {}, (), {}), runs=runs))
    out = tmp_path / "site"
    for name in write_site([build.study()], out):
        assert (out / name).resolve().is_relative_to(out)
    for page in pages(out):
        with visited(browser, page, 390) as visit:
            assert (visit.messages, visit.asked, visit.overflow) == ([], [], 0), page
            assert visit.page.locator("main img, main b, main script, main em").count() == 0


def test_studies_of_one_name_are_told_apart(tmp_path):
    here, there = Builder(tmp_path / "here" / "mine"), Builder(tmp_path / "there" / "mine")
    here.run("carn", hashed="0", left=scored(37.0))
    there.run("carn", hashed="1", words=("model.width=8",), left=scored(38.0))
    write_site([here.study(), there.study()], tmp_path / "site")
    assert len(list((tmp_path / "site/studies").iterdir())) == 2


def test_a_later_site_takes_away_what_an_earlier_one_has_and_nothing_else(studies, tmp_path):
    out = tmp_path / "site"
    zoo, mine = (one.study() for one in studies)
    write_site([zoo, mine], out)
    (out / "CNAME").write_text("mine")
    write_site([zoo], out)
    assert (out / "CNAME").read_text() == "mine"
    assert not list((out / "studies/mine").iterdir())
    assert sorted(path.name for path in (out / "models").iterdir()) == ["bicubic.html", "carn_m.html"]


def test_equal_studies_give_equal_bytes(studies, tmp_path):
    found = [one.study() for one in studies]
    files = write_site(found, tmp_path / "one")
    write_site(found, tmp_path / "two")
    for name in files:
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes(), name


def test_a_folder_that_holds_something_else_is_left_alone(studies, tmp_path):
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / "thesis.tex").write_text("mine")
    with pytest.raises(UserError, match="holds something else than a site"):
        write_site([studies[0].study()], tmp_path / "home")
    assert [path.name for path in (tmp_path / "home").iterdir()] == ["thesis.tex"]


def test_a_list_of_files_that_lies_takes_away_nothing_outside(studies, tmp_path):
    out = tmp_path / "site"
    write_site([studies[0].study()], out)
    (tmp_path / "thesis.tex").write_text("mine")
    (out / "site.json").write_text(json.dumps({"files": ["../thesis.tex"]}))
    write_site([studies[0].study()], out)
    assert (tmp_path / "thesis.tex").read_text() == "mine"
