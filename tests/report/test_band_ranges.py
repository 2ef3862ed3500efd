from typing import Any

import numpy as np
import pytest
from matplotlib.container import ErrorbarContainer
from matplotlib.figure import Figure

from sentinel_fusion.bands import BANDS, S2_BANDS
from sentinel_fusion.data.published_stats import PUBLISHED
from sentinel_fusion.data.stats import PERCENTILES
from sentinel_fusion.report.band_ranges import draw_band_ranges


def _bands(s1: float = -15.0, s2: float = 1000.0) -> dict[str, Any]:
    """Every band's percentiles are its level plus the percentage over 10."""
    levels = {"s1": s1, "s2": s2}
    return {
        sensor: {
            name: {
                f"p{percent}": levels[sensor] + percent / 10 for percent in PERCENTILES
            }
            for name in names
        }
        for sensor, names in BANDS.items()
    }


def _figure(**levels: float) -> Figure:
    return draw_band_ranges({"pretrain": _bands(**levels)}, caption="tiles from folder")


def test_a_role_has_a_panel_a_sensor() -> None:
    figure = draw_band_ranges({"pretrain": _bands(), "labelled": _bands()}, caption="")
    titles = [panel.get_title() for panel in figure.axes]
    assert titles == ["pretrain: S1", "pretrain: S2", "labelled: S1", "labelled: S2"]


def test_bands_stand_in_storage_order() -> None:
    labels = [text.get_text() for text in _figure().axes[1].get_xticklabels()]
    assert labels == list(S2_BANDS)


def test_a_box_has_our_percentiles() -> None:
    box = _figure().axes[0].patches[0].get_path().vertices
    heights = np.asarray(box)[:, 1]
    assert (heights.min(), heights.max()) == pytest.approx((-12.5, -7.5))


def test_published_means_are_marked_beside_each_band() -> None:
    marks = [
        c for c in _figure().axes[1].containers if isinstance(c, ErrorbarContainer)
    ]
    assert len(marks) == len(PUBLISHED)
    for mark, stats in zip(marks, PUBLISHED, strict=True):
        assert np.ravel(mark[0].get_ydata()).tolist() == list(stats.mean[2:])


def test_deviations_below_the_scale_end_at_it() -> None:
    marks = [
        c for c in _figure().axes[1].containers if isinstance(c, ErrorbarContainer)
    ]
    (bars,) = marks[1][2]
    cirrus = np.asarray(bars.get_segments()[S2_BANDS.index("B10")])
    assert cirrus[:, 1].tolist() == pytest.approx([1, 22.1 + 51.2])


def test_what_is_darker_than_the_scale_is_drawn_at_its_end() -> None:
    (low, high) = _figure(s2=-5.0).axes[1].get_ylim()
    flier = np.asarray(_figure(s2=-5.0).axes[1].lines[5].get_ydata())
    assert low == flier.min() == 1
    assert high == 30000


def test_radar_off_the_usual_scale_is_still_seen() -> None:
    low, high = _figure(s1=40.0).axes[0].get_ylim()
    assert low <= -45
    assert high > 49.9


def test_the_caption_says_which_data_and_which_published_sources() -> None:
    caption = " ".join(_figure().get_supxlabel().split())
    assert caption.startswith("tiles from folder; published statistics of DFC2020")
    assert "arXiv 2211.07044" in caption


def test_everything_fits_into_the_figure() -> None:
    figure = draw_band_ranges(
        {"pretrain": _bands(), "labelled": _bands()}, caption="tiles from folder"
    )
    figure.draw_without_rendering()
    drawn = figure.get_tightbbox()
    width, height = figure.get_size_inches()
    assert 0 <= drawn.x0 < drawn.x1 <= width
    assert 0 <= drawn.y0 < drawn.y1 <= height
