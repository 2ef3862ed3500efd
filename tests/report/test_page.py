import dataclasses
import json
import re
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path

import pandas as pd
import pytest
from tests.results import RUN, write_results

from sentinel_fusion.report import page
from sentinel_fusion.report.page_data import packed
from sentinel_fusion.report.results import COLUMNS, Results

ORIGIN = {"Versions": {"Python": "3.11"}}
SECTIONS = (
    *("verdict", "curves", "comparisons", "maps", "quality"),
    *("diagnostics", "data", "fairness", "cost", "provenance"),
)
CAUTIOUS = dataclasses.replace(RUN, cautions=("synthetic: generated tiles.",))


class Elements(HTMLParser):
    """All start tags of a page with their attributes."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))

    def of(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.found if name == tag]


def _render(folder: Path, params: str = "seed: 0\n") -> str:
    results = Results(folder)
    return page.render_page(CAUTIOUS, results, origin=ORIGIN, params=params)


@pytest.fixture(scope="module", autouse=True)
def _no_bundle() -> Iterator[None]:
    """The library takes seconds to bundle and is tested in the browser."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(page, "vega_bundle", lambda: "/* vega */")
        yield


@pytest.fixture(scope="module")
def html(tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = write_results(tmp_path_factory.mktemp("metrics"))
    return _render(folder, "note: </script><b>\n")


@pytest.fixture(scope="module")
def bare(tmp_path_factory: pytest.TempPathFactory) -> str:
    return _render(tmp_path_factory.mktemp("nothing"))


@pytest.fixture(scope="module")
def elements(html: str) -> Elements:
    return Elements(html)


def test_every_section_is_there_and_named_in_the_contents(elements: Elements) -> None:
    assert [found["id"] for found in elements.of("section")] == list(SECTIONS)
    links = {found["href"] for found in elements.of("a")}
    assert links >= {f"#{name}" for name in SECTIONS}


def test_the_page_has_landmarks_and_one_top_heading(elements: Elements) -> None:
    for tag in ("header", "nav", "main", "footer", "h1"):
        assert len(elements.of(tag)) == 1


def test_every_image_has_an_alternative_text(elements: Elements) -> None:
    images = elements.of("img")
    assert len(images) == 6
    assert all(image["alt"] for image in images)


def test_every_choice_has_a_label(html: str) -> None:
    choices = re.findall(r"<input|<select", html)
    labelled = re.findall(r"<label[^>]*>[^<]*(?:<input|<select)", html)
    assert len(choices) == len(labelled) > 10


def test_nothing_is_fetched_from_anywhere(elements: Elements) -> None:
    addresses = [
        value or ""
        for _, attributes in elements.found
        for key, value in attributes.items()
        if key in {"src", "href", "action", "srcset"}
    ]
    assert all(address.startswith(("data:", "#")) for address in addresses)


def test_the_browser_is_told_to_fetch_nothing(elements: Elements) -> None:
    policies = [m["content"] for m in elements.of("meta") if "http-equiv" in m]
    assert str(policies[0]).startswith("default-src 'none'; ")


def test_data_protocol_and_cautions_stand_on_top(html: str) -> None:
    head = html[: html.index("<main")]
    assert "synthetic data, protocol B" in head
    assert "synthetic: generated tiles." in head


def test_places_that_are_blocks_are_said_with_the_data(
    html: str, tmp_path: Path
) -> None:
    file = write_results(tmp_path) / "data.json"
    numbers = json.loads(file.read_text())
    numbers["labelled"]["block_px"] = 512
    file.write_text(json.dumps(numbers))
    words = "Labelled places are neighbouring blocks of 512 px of scenes: intervals tr"
    assert words not in html
    assert words in _render(tmp_path)


def test_text_cannot_end_a_script(html: str, elements: Elements) -> None:
    assert "</script><b>" not in html
    assert len(elements.of("script")) == 3


def test_tables_are_read_without_a_script(html: str) -> None:
    assert "Not available: " not in html
    for cell in ("64.0 [61.0, 66.0]", "36 [20, not reached]", "does not hold"):
        assert cell in html


def test_arms_can_be_told_apart_beside_their_switches(elements: Elements) -> None:
    swatches = [svg for svg in elements.of("svg") if svg.get("class") == "swatch"]
    assert len(swatches) == len(RUN.arms)
    assert all(swatch["aria-hidden"] == "true" for swatch in swatches)


@pytest.mark.parametrize(
    "name",
    [
        *("claims.json", "cost.json", "diagnostics.json", "leakage.json", "maps"),
        *sorted({*COLUMNS} - {"label_saving.csv", "scores.csv"}),  # need a curve
    ],
)
def test_what_is_missing_is_said_to_be(bare: str, name: str) -> None:
    assert f"Not available: metrics/{name} was missing" in bare


def test_scores_alone_make_curves(tmp_path: Path) -> None:
    write_results(tmp_path)
    for file in tmp_path.iterdir():
        if file.name not in {"label_efficiency.json", "ablation.json"}:
            file.rename(file.with_name(f"{file.name}.away"))
    html = _render(tmp_path)
    assert "standard deviation over seeds" in html
    for name in ("label_saving.csv", "scores.csv", "headline.json"):
        assert f"Not available: metrics/{name} was missing" in html


def test_the_same_results_give_the_same_page(bare: str, tmp_path: Path) -> None:
    assert _render(tmp_path) == bare


def test_the_script_gets_every_dataset_that_a_chart_draws(html: str) -> None:
    text = re.search(r'id="page-data">(.*?)</script>', html, re.DOTALL)
    assert text is not None
    data = json.loads(text[1])
    named = {name for chart in data["charts"].values() for name in chart["data"]}
    assert named == set(data["datasets"])
    assert len(data["charts"]) == 12


def test_columns_of_words_are_counted_from_their_levels() -> None:
    rows = pd.DataFrame({"arm": ["late", "mma", "late"], "value": [0.1234567, None, 1]})
    assert {key: packed(rows[key]) for key in rows} == {
        "arm": {"levels": ["late", "mma"], "values": [0, 1, 0]},
        "value": {"values": [0.12346, None, 1.0]},
    }


def test_arms_with_scores_can_be_chosen_and_the_pre_trained_are(tmp_path: Path) -> None:
    results = Results(write_results(tmp_path))
    rows = pd.read_csv(tmp_path / "intervals.csv")
    is_kept = (rows["arm"] != "late") | (rows["task"] == "segmentation")
    rows[is_kept & (rows["arm"] != "ensemble")].to_csv(
        tmp_path / "intervals.csv", index=False
    )
    both = ("single_label", "segmentation")
    assert page.arm_choices(RUN, results) == [
        page.ArmChoice("late", ("segmentation",), is_chosen=True),  # the reference
        page.ArmChoice("dual_simclr", both, is_chosen=True),
        page.ArmChoice("swin_late", both, is_chosen=False),
    ]
