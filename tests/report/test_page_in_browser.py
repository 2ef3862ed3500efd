"""The page as a reader opens it: in a browser, from a file, without a network."""

import dataclasses
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, ViewportSize, sync_playwright
from tests.results import RUN, write_results

from sentinel_fusion.report.page import render_page
from sentinel_fusion.report.results import Results

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(CHROMIUM is None, reason="no chromium on this machine"),
]
FLAGS = [
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update"),
    "--disable-sync",
]
CHARTS = [
    *("claims", "curve-finetuned", "curve-frozen", "comparisons"),
    *("reliability-finetuned", "reliability-frozen"),
    *("confusion-finetuned", "confusion-frozen", "places"),
    *("diagnostics", "realism", "cost"),
]
PHONE = ViewportSize(width=390, height=844)


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = tmp_path_factory.mktemp("page")
    results = Results(write_results(folder / "metrics"))
    run = dataclasses.replace(RUN, cautions=("synthetic: generated tiles.",))
    html = render_page(run, results, origin={}, params="seed: 0\n")
    (folder / "index.html").write_text(html)
    return (folder / "index.html").as_uri()


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield browser
        browser.close()


class Reader:
    """A page that was opened, with what the browser said and asked for."""

    def __init__(self, page: Page, address: str) -> None:
        self.page = page
        self.complaints: list[str] = []
        self.requests: list[str] = []
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.on("console", lambda message: self._hear(message.type, message.text))
        page.on("request", lambda request: self.requests.append(request.url))
        page.goto(address)
        page.wait_for_selector("html[data-ready]")

    def _hear(self, kind: str, text: str) -> None:
        if kind == "error":
            self.complaints.append(text)

    def marks(self, chart: str) -> int:
        """What is drawn: points, lines, bars, cells, without axes and titles."""
        marks = self.page.locator(f"#chart-{chart} [role=graphics-symbol]")
        axes = marks.and_(self.page.locator("[aria-roledescription=axis]"))
        titles = marks.and_(self.page.locator("[aria-roledescription=title]"))
        return marks.count() - axes.count() - titles.count()

    def drawing(self, chart: str) -> str:
        return self.page.locator(f"#chart-{chart} svg.marks").inner_html()

    def choose(self, name: str, value: str) -> None:
        self.page.locator(f'input[name="{name}"][value="{value}"]').check()
        self.settle()

    def settle(self) -> None:
        self.page.evaluate("new Promise((done) => setTimeout(done, 150))")


def _open(browser: Browser, address: str) -> Iterator[Reader]:
    context = browser.new_context(
        offline=True, color_scheme="light", viewport={"width": 1400, "height": 900}
    )
    yield Reader(context.new_page(), address)
    context.close()


@pytest.fixture
def reader(browser: Browser, address: str) -> Iterator[Reader]:
    yield from _open(browser, address)


@pytest.fixture(scope="module")
def opened(browser: Browser, address: str) -> Iterator[Reader]:
    """For tests that change nothing."""
    yield from _open(browser, address)


def test_it_opens_without_an_error_and_without_a_request(
    opened: Reader, address: str
) -> None:
    outside = [u for u in opened.requests if not u.startswith(("data:", "blob:"))]
    assert opened.complaints == []
    assert outside == [address]


@pytest.mark.parametrize("chart", CHARTS)
def test_every_chart_is_drawn(opened: Reader, chart: str) -> None:
    assert opened.marks(chart) >= 2


def test_no_chart_is_left_out_of_this_test(opened: Reader) -> None:
    ids = opened.page.locator(".canvas").evaluate_all("all => all.map(e => e.id)")
    assert ids == [f"chart-{name}" for name in CHARTS]


def test_the_task_is_switched_by_keyboard(reader: Reader) -> None:
    before = reader.drawing("curve-finetuned")
    assert "average accuracy" in before
    reader.page.locator('input[name="task"][value="single_label"]').focus()
    reader.page.keyboard.press("ArrowDown")
    reader.settle()
    assert "mean IoU" in reader.drawing("curve-finetuned")
    assert "segmentation" in reader.page.locator("#shown").inner_text()


def test_tables_follow_the_task(reader: Reader) -> None:
    tables = reader.page.locator("figure[data-task]")
    shown = [tables.nth(i).get_attribute("data-task") for i in range(tables.count())]
    reader.choose("task", "segmentation")
    visible = [tables.nth(i).is_visible() for i in range(tables.count())]
    assert visible == [task == "segmentation" for task in shown]


def test_one_use_hides_the_charts_of_the_other(reader: Reader) -> None:
    reader.choose("use", "frozen")
    assert reader.page.locator("#chart-curve-frozen").is_visible()
    assert not reader.page.locator("#chart-curve-finetuned").is_visible()


def test_one_use_takes_the_other_out_of_common_charts(reader: Reader) -> None:
    before = reader.marks("claims")
    reader.choose("use", "frozen")
    assert 0 < reader.marks("claims") < before


def test_a_chart_that_was_hidden_is_as_wide_as_before(reader: Reader) -> None:
    width = "document.querySelector('#chart-curve-finetuned svg.marks').clientWidth"
    before = reader.page.evaluate(width)
    reader.choose("use", "frozen")
    reader.choose("use", "both")
    assert reader.page.evaluate(width) == pytest.approx(before, abs=2)


def test_an_arm_is_taken_out_and_put_back_by_the_space_bar(reader: Reader) -> None:
    before = reader.marks("curve-frozen")
    box = reader.page.locator('input[name="arms"][value="dual_simclr"]')
    box.focus()
    reader.page.keyboard.press("Space")
    reader.settle()
    assert reader.marks("curve-frozen") < before
    reader.page.keyboard.press("Space")
    reader.settle()
    assert reader.marks("curve-frozen") == before


def test_all_arms_are_shown_and_hidden_at_once(reader: Reader) -> None:
    counts = []
    for name in ("none", "pretrained", "all"):
        reader.page.locator(f'[data-choose="{name}"]').click()
        reader.settle()
        counts.append(reader.marks("curve-frozen"))
    assert counts == sorted(set(counts))


def test_the_share_of_labels_is_switched(reader: Reader) -> None:
    assert "difference: +2.0" in reader.drawing("comparisons")
    reader.choose("frac", "0.1")
    assert "10 % of labels" in reader.page.locator("#shown").inner_text()
    assert "difference: +3.0" in reader.drawing("comparisons")


def test_a_chart_has_a_choice_of_its_own(reader: Reader) -> None:
    reader.page.locator('select[name="arm"]').select_option("late")
    reader.settle()
    assert "Confusion of late" in reader.drawing("confusion-finetuned")
    assert "Confusion of late" in reader.drawing("confusion-frozen")


def test_a_point_tells_its_figures(reader: Reader) -> None:
    point = reader.page.locator(
        '#chart-curve-frozen .mark-symbol path[aria-label*="dual_simclr"]'
    )
    point.first.hover(force=True)
    tooltip = reader.page.locator("#vg-tooltip-element")
    tooltip.wait_for(state="visible")
    assert "dual_simclr" in tooltip.inner_text()


def test_the_theme_is_switched_and_the_charts_follow(reader: Reader) -> None:
    background = "getComputedStyle(document.body).backgroundColor"
    assert reader.page.evaluate(background) == "rgb(255, 255, 255)"
    reader.page.locator('[data-choose="all"]').click()  # hollow marks among them
    reader.choose("theme", "dark")
    assert reader.page.evaluate(background) == "rgb(23, 27, 33)"
    assert "#171b21" in reader.drawing("curve-frozen")


def test_a_table_is_sorted_by_a_column(reader: Reader) -> None:
    details = reader.page.locator("#cost details.table")
    details.locator("summary").click()
    head = details.locator("thead th", has_text="seconds")
    head.locator("button").focus()
    reader.page.keyboard.press("Enter")
    column = head.evaluate("head => head.cellIndex")
    seconds = details.locator(f"tbody tr > :nth-child({column + 1})").all_inner_texts()
    assert head.get_attribute("aria-sort") == "ascending"
    assert [float(s) for s in seconds] == sorted(float(s) for s in seconds)


def test_the_system_theme_is_taken_at_first(browser: Browser, address: str) -> None:
    context = browser.new_context(offline=True, color_scheme="dark")
    reader = Reader(context.new_page(), address)
    assert reader.page.locator("html[data-dark]").count() == 1
    context.close()


def test_a_phone_scrolls_in_one_direction_only(browser: Browser, address: str) -> None:
    context = browser.new_context(offline=True, viewport=PHONE, has_touch=True)
    reader = Reader(context.new_page(), address)
    width = reader.page.evaluate("document.documentElement.scrollWidth")
    assert width <= PHONE["width"]
    assert all(reader.marks(chart) for chart in CHARTS)
    context.close()


def test_words_tables_and_figures_are_read_without_scripts(
    browser: Browser, address: str
) -> None:
    context = browser.new_context(offline=True, java_script_enabled=False)
    page = context.new_page()
    page.goto(address)
    assert page.locator(".verdict").count() == len(RUN.tasks)
    assert page.locator("#curves figure.table").first.is_visible()
    assert page.locator("#curves noscript img").first.is_visible()
    assert not page.locator(".switches").is_visible()
    context.close()


def test_the_page_opens_where_a_result_is_missing(
    browser: Browser, tmp_path: Path
) -> None:
    html = render_page(RUN, Results(tmp_path / "none"), origin={}, params="")
    (tmp_path / "index.html").write_text(html)
    context = browser.new_context(offline=True)
    reader = Reader(context.new_page(), (tmp_path / "index.html").as_uri())
    assert reader.complaints == []
    context.close()
