from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import shapely
from matplotlib.figure import Figure

from sentinel_fusion.report import footprint_map
from sentinel_fusion.report.footprint_map import (
    NO_FOOTPRINTS,
    SMALLEST_SPAN_DEG,
    country_borders,
    draw_footprints,
    locate_places,
)


def _located(*boxes: tuple[float, float, float, float]) -> pd.DataFrame:
    """A place a box of west, south, east, north."""
    places = np.array([f"place {number}" for number in range(len(boxes))], object)
    return locate_places(places, np.array([shapely.box(*box) for box in boxes], object))


EMPTY = locate_places(np.array(["a", "a"], object), np.array([None, None], object))


def _words(figure: Figure) -> list[str]:
    (legend,) = figure.legends
    return [text.get_text() for text in legend.get_texts()]


def test_borders_come_without_a_download_and_cover_the_world() -> None:
    corners = np.concatenate(country_borders())
    assert corners.min(axis=0).tolist() == [-180, -90]
    assert corners.max(axis=0) == pytest.approx([180, 83.6], abs=0.1)


def test_a_capital_lies_inside_a_border() -> None:
    paris = shapely.Point(2.35, 48.86)
    holders = [
        ring for ring in country_borders() if shapely.Polygon(ring).covers(paris)
    ]
    assert len(holders) == 1


def test_missing_borders_name_the_file_and_the_remedy(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(footprint_map, "files", lambda _: tmp_path)
    with pytest.raises(FileNotFoundError, match=r"naturalearth_lowres.shp must come"):
        country_borders()


def test_a_place_has_the_median_centre_and_the_outermost_corners() -> None:
    boxes = [shapely.box(west, 50, west + 2, 51) for west in (0, 4, 6)]
    table = locate_places(np.array(["a"] * 3, object), np.array(boxes, object))
    row = table.iloc[0]
    assert (row["longitude"], row["latitude"]) == (5, 50.5)
    sides = [row[side] for side in ("west", "south", "east", "north")]
    assert sides == [0, 50, 8, 51]


def test_a_place_across_the_date_line_stays_there() -> None:
    boxes = [shapely.box(w, 0, w + 1, 1) for w in (179, -180, 178)]
    table = locate_places(np.array(["a"] * 3, object), np.array(boxes, object))
    assert abs(table["longitude"].item()) > 178


def test_tiles_without_footprint_have_no_place() -> None:
    boxes = np.array([shapely.box(0, 0, 1, 1), None], object)
    table = locate_places(np.array(["a", "b"], object), boxes)
    assert table["place_id"].tolist() == ["a"]
    assert EMPTY.empty


def test_places_have_an_outline_and_a_dot() -> None:
    located = _located((8, 50, 10, 51), (11, 48, 12, 49))
    panel = draw_footprints({"pretrain": located}, caption="").axes[0]
    _, outlines, dots = panel.collections
    assert len(outlines.get_paths()) == 2
    assert np.asarray(dots.get_offsets()).tolist() == [[9, 50.5], [11.5, 48.5]]


def test_a_place_across_the_date_line_has_no_outline_around_the_world() -> None:
    panel = draw_footprints({"pretrain": _located((-180, 0, 180, 1))}, caption="").axes[
        0
    ]
    assert len(panel.collections[1].get_paths()) == 0


def _window(*boxes: tuple[float, float, float, float]) -> list[float]:
    panel = draw_footprints({"pretrain": _located(*boxes)}, caption="").axes[0]
    return [*panel.get_xlim(), *panel.get_ylim()]


def test_a_single_place_is_shown_with_its_surroundings() -> None:
    west, east, south, north = _window((8, 50, 9, 51))
    assert (east - west, north - south) == (2 * SMALLEST_SPAN_DEG, SMALLEST_SPAN_DEG)
    assert (west + east, south + north) == (2 * 8.5, 2 * 50.5)


def test_places_north_of_each_other_do_not_make_a_tall_map() -> None:
    west, east, south, north = _window((8, 50, 9, 51), (8, 0, 9, 1))
    assert north - south == pytest.approx(50 * 1.24)
    assert east - west == pytest.approx(2 * 50 * 1.24)


def test_the_window_is_moved_back_into_the_world() -> None:
    assert _window((178, 85, 179, 86)) == [140, 180, 70, 90]


def test_the_window_is_never_larger_than_the_world() -> None:
    located = ((170, 85, 171, 86), (-171, -86, -170, -85))
    assert _window(*located) == [-180, 180, -90, 90]


def test_missing_georeferencing_is_said_in_words() -> None:
    figure = draw_footprints({"pretrain": EMPTY, "labelled": EMPTY}, caption="")
    assert [text.get_text() for text in figure.axes[0].texts] == [NO_FOOTPRINTS]


def test_the_legend_says_which_role_lacks_georeferencing() -> None:
    located = {"pretrain": _located((8, 50, 9, 51)), "labelled": EMPTY}
    words = _words(draw_footprints(located, caption=""))
    assert words == ["pretrain (places: 1)", f"labelled ({NO_FOOTPRINTS})"]


def test_the_caption_says_which_data_and_whose_borders() -> None:
    figure = draw_footprints({"pretrain": EMPTY}, caption="tiles from folder")
    assert figure.get_supxlabel().startswith(
        "tiles from folder; borders: Natural Earth"
    )


@pytest.mark.parametrize(
    "boxes",
    [
        (),
        ((8, 50, 9, 51),),
        ((8, 50, 9, 51), (8, -30, 9, -29)),
        ((0, 0, 1, 1), (99, 0, 99.1, 1)),
    ],
)
def test_everything_fits_into_the_figure(
    boxes: tuple[tuple[float, float, float, float], ...],
) -> None:
    located = _located(*boxes) if boxes else EMPTY
    figure = draw_footprints({"pretrain": located, "labelled": EMPTY}, caption="data")
    figure.draw_without_rendering()
    drawn = figure.get_tightbbox()
    width, height = figure.get_size_inches()
    assert 0 <= drawn.x0 < drawn.x1 <= width
    assert 0 <= drawn.y0 < drawn.y1 <= height
