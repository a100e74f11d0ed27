"""The page of a home in a real browser, on a real server."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, expect

from shared.contracts.events import SyncWindowCompleted
from shared.domain.time import floor_to
from shared.runtime.resources import open_resources
from shared.runtime.settings import RuntimeSettings, load
from tests.live.page_server import PageServer
from tests.unit.api.homes import QUARTER, a_home

pytestmark = pytest.mark.live

PATIENCE_MS = 30_000
HOSTILE = "<img src=x onerror=\"document.title='hacked'\">"
WIDTHS = {"phone": {"width": 360, "height": 760}, "desk": {"width": 1920, "height": 1080}}


@pytest.fixture
def server(tmp_path: Path) -> Iterator[PageServer]:
    """Two homes: one that lives, and imported history with a hostile name."""
    with open_resources(load(RuntimeSettings, state_dir=tmp_path)) as resources:
        a_home(resources, now=floor_to(datetime.now(UTC), QUARTER), name="A home by the lake")
        a_home(resources, site_id="history", live=False, name=HOSTILE)
        with PageServer(resources) as running:
            yield running


class Visitor:
    """Opens pages as a person would, and writes down what the browser complains about."""

    def __init__(self, browser: Browser) -> None:
        self._browser = browser
        self._contexts: list[BrowserContext] = []
        self.complaints: list[str] = []

    def open(self, url: str, **context: Any) -> Page:
        self._contexts.append(self._browser.new_context(**({"locale": "en-GB", "timezone_id": "Europe/Berlin"} | context)))
        page = self._contexts[-1].new_page()
        page.set_default_timeout(PATIENCE_MS)
        page.on("console", self._hear)
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.goto(url)
        return page

    def leave(self) -> None:
        for context in self._contexts:
            context.close()

    def _hear(self, message: ConsoleMessage) -> None:
        if message.type in {"error", "warning"}:
            self.complaints.append(message.text)


@pytest.fixture
def visitor(browser: Browser) -> Iterator[Visitor]:
    expect.set_options(timeout=PATIENCE_MS)
    visiting = Visitor(browser)
    yield visiting
    visiting.leave()


def inked(page: Page, chart: str) -> bool:
    """Whether anything is drawn on the canvas of a chart."""
    return page.locator(f"#{chart} canvas").evaluate(
        "canvas => canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data.some(value => value > 0)"
    )


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_page_shows_a_forecast_a_plan_and_savings(visitor: Visitor, server: PageServer, width: str, scheme: str):
    page = visitor.open(f"{server.url}?site=home", viewport=WIDTHS[width], color_scheme=scheme)
    expect(page.locator("#sentence")).to_have_text(re.compile(r"\d\d:\d\d"))
    expect(page.locator("#gain")).to_contain_text("1.84")
    expect(page.locator("#agenda li")).not_to_have_count(0)
    expect(page.locator("#flows svg")).to_have_attribute("aria-label", re.compile("Solar .* kW"))
    expect(page.locator("#load-legend")).to_contain_text("80 % band")
    expect(page.locator("#savings")).to_contain_text("Perfect foresight")
    for chart in ("price-chart", "battery-chart", "solar-chart", "load-chart"):
        assert inked(page, chart), chart
    assert page.evaluate("document.documentElement.scrollWidth") <= WIDTHS[width]["width"]
    assert visitor.complaints == []


def test_pointing_at_a_step_tells_why(visitor: Visitor, server: PageServer):
    page = visitor.open(f"{server.url}?site=home", viewport=WIDTHS["desk"])
    expect(page.locator("#why .reason")).not_to_be_empty()
    before = page.locator("#why-title").inner_text()
    chart = page.locator("#battery-chart .u-over")
    chart.scroll_into_view_if_needed()
    box = chart.bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + box["width"] * 0.6, box["y"] + box["height"] / 2)
    expect(page.locator("#why-title")).not_to_have_text(before)
    expect(page.locator("#why .reason")).to_have_text(re.compile(".{30,}"))
    expect(page.locator("#why")).to_contain_text("A stored kWh is worth")
    expect(page.locator("#why")).to_contain_text("Second best")
    assert visitor.complaints == []


def test_arrow_keys_walk_through_the_plan(visitor: Visitor, server: PageServer):
    page = visitor.open(f"{server.url}?site=home", viewport=WIDTHS["desk"])
    walker = page.locator("#walker")
    expect(page.locator("#why .reason")).not_to_be_empty()
    walker.focus()
    page.keyboard.press("Home")
    expect(walker).to_have_attribute("aria-valuenow", "0")
    first = page.locator("#why-title").inner_text()
    page.keyboard.press("ArrowRight")
    expect(walker).to_have_attribute("aria-valuenow", "1")
    expect(page.locator("#why-title")).not_to_have_text(first)


def test_a_chosen_step_stays_chosen_when_something_new_arrives(visitor: Visitor, server: PageServer):
    page = visitor.open(f"{server.url}?site=home", viewport=WIDTHS["desk"])
    expect(page.locator("#why .reason")).not_to_be_empty()
    page.locator("#walker").focus()
    page.keyboard.press("End")
    last = page.locator("#walker").get_attribute("aria-valuenow")
    assert last != "0"
    page.locator("#price-chart .uplot").evaluate("chart => chart.setAttribute('data-old', '')")
    moment = datetime.now(UTC)
    server.announce(SyncWindowCompleted(site_id="home", start=moment, end=moment, accepted=1, rejected=0))
    expect(page.locator("#price-chart .uplot[data-old]")).to_have_count(0)
    expect(page.locator("#price-chart .uplot")).to_have_count(1)
    expect(page.locator("#walker")).to_have_attribute("aria-valuenow", last or "")


def test_a_tap_tells_why_on_a_phone(visitor: Visitor, server: PageServer):
    page = visitor.open(f"{server.url}?site=home", viewport=WIDTHS["phone"], has_touch=True)
    expect(page.locator("#why .reason")).not_to_be_empty()
    before = page.locator("#why-title").inner_text()
    chart = page.locator("#battery-chart .u-over")
    chart.scroll_into_view_if_needed()
    box = chart.bounding_box()
    assert box is not None
    page.touchscreen.tap(box["x"] + box["width"] * 0.7, box["y"] + box["height"] / 2)
    expect(page.locator("#why-title")).not_to_have_text(before)


def test_the_page_says_when_the_service_stops_and_comes_back_by_itself(visitor: Visitor, server: PageServer):
    page = visitor.open(f"{server.url}?site=home", viewport=WIDTHS["desk"])
    expect(page.locator("#pulse")).to_have_attribute("data-state", "live")
    server.stop()
    expect(page.locator("#banners")).to_contain_text("The service does not answer")
    expect(page.locator("#sentence")).to_have_text(re.compile(r"\d\d:\d\d"))
    server.start()
    expect(page.locator("#pulse")).to_have_attribute("data-state", "live")
    expect(page.locator("#banners")).not_to_contain_text("The service does not answer")


def test_hostile_text_stays_text(visitor: Visitor, server: PageServer):
    page = visitor.open(f"{server.url}?site=history", viewport=WIDTHS["desk"])
    expect(page.locator("#home-name")).to_have_text(HOSTILE)
    expect(page.locator("#sites option:checked")).to_have_text(HOSTILE)
    assert page.title() != "hacked"
    assert page.locator("img[onerror]").count() == 0


def test_imported_history_says_where_its_time_stands(visitor: Visitor, server: PageServer):
    page = visitor.open(f"{server.url}?site=history", viewport=WIDTHS["desk"], timezone_id="America/New_York")
    expect(page.locator("#banners")).to_contain_text("Time stands at 15 Jun 2024, 14:00")
    expect(page.locator("#zones")).to_contain_text("14:00 there is 08:00 for you")


def test_another_home_is_chosen_from_the_list(visitor: Visitor, server: PageServer):
    page = visitor.open(server.url, viewport=WIDTHS["desk"])
    page.locator("#sites").select_option("home")
    expect(page.locator("#home-name")).to_have_text("A home by the lake")
    expect(page).to_have_url(re.compile("site=home"))


def test_a_new_home_shows_what_is_being_prepared(visitor: Visitor, server: PageServer):
    page = visitor.open(server.url, viewport=WIDTHS["desk"])
    page.request.put(f"{server.url}v1/sites/new", data={"site_id": "new", "name": "New"})
    page.goto(f"{server.url}?site=new")
    expect(page.locator("#sentence")).to_contain_text("Waiting for the first readings")
    expect(page.locator("#preparing-steps li")).to_have_count(5)
    expect(page.locator("#preparing-steps li.current")).to_contain_text("Readings")


def test_the_reference_works_without_the_internet(visitor: Visitor, server: PageServer):
    page = visitor.open(f"{server.url}docs", viewport=WIDTHS["desk"])
    expect(page.locator(".opblock")).not_to_have_count(0)
    page.locator("#operations-sites-list_sites").click()
    page.locator("#operations-sites-list_sites .execute").click()
    expect(page.locator("#operations-sites-list_sites .live-responses-table")).to_contain_text("A home by the lake")
    assert visitor.complaints == []
