from typing import Any

import numpy as np
import pytest
from matplotlib.container import ErrorbarContainer
from matplotlib.figure import Figure

from sentinel_fusion.bands import BANDS, S2_BANDS
from sentinel_fusion.data.published_stats import PUBLISHED
from sentinel_fusion.data.stats import HISTOGRAM_EDGES, PERCENTILES
from sentinel_fusion.report.band_ranges import draw_band_ranges


def _stats(s1: float = -15.0, s2: float = 1000.0) -> dict[str, Any]:
    """Every band's percentiles are its level plus the percentage over 10.

    Of its pixels two are in the first bin and one in the last.
    """
    levels = {"s1": s1, "s2": s2}
    counts = {
        sensor: [2, *[0] * (len(edges) - 3), 1]
        for sensor, edges in HISTOGRAM_EDGES.items()
    }
    histograms = {
        sensor: dict.fromkeys(names, counts[sensor]) for sensor, names in BANDS.items()
    }
    bands = {
        sensor: {
            name: {
                f"p{percent}": levels[sensor] + percent / 10 for percent in PERCENTILES
            }
            for name in names
        }
        for sensor, names in BANDS.items()
    }
    return {"bands": bands, "histograms": histograms}


def _figure(**levels: float) -> Figure:
    return draw_band_ranges({"pretrain": _stats(**levels)}, caption="tiles from folder")


def test_a_role_has_a_panel_a_sensor() -> None:
    figure = draw_band_ranges({"pretrain": _stats(), "labelled": _stats()}, caption="")
    titles = [panel.get_title() for panel in figure.axes]
    assert titles == ["pretrain: S1", "pretrain: S2", "labelled: S1", "labelled: S2"]


def test_bands_stand_in_storage_order() -> None:
    labels = [text.get_text() for text in _figure().axes[1].get_xticklabels()]
    assert labels == list(S2_BANDS)


def test_bars_have_our_percentiles() -> None:
    thin, thick, dots, *_ = _figure().axes[0].lines
    assert np.ravel(thin.get_ydata()).tolist() == pytest.approx([-14.5, -5.5])
    assert np.ravel(thick.get_ydata()).tolist() == pytest.approx([-12.5, -7.5])
    assert np.ravel(dots.get_ydata()).tolist() == pytest.approx([-14.9, -10, -5.1])


def test_a_histogram_is_as_wide_as_its_bins_are_full() -> None:
    (outline,) = _figure().axes[0].collections[1].get_paths()
    across, up = np.asarray(outline.vertices).T
    edges = HISTOGRAM_EDGES["s1"]
    assert 1 - across[up < edges[1]].min() == pytest.approx(0.42)
    assert 1 - across[up > edges[-2]].min() == pytest.approx(0.21)


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
    dots = np.asarray(_figure(s2=-5.0).axes[1].lines[2].get_ydata())
    assert low == dots.min() == 1
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
        {"pretrain": _stats(), "labelled": _stats()}, caption="tiles from folder"
    )
    figure.draw_without_rendering()
    drawn = figure.get_tightbbox()
    width, height = figure.get_size_inches()
    assert 0 <= drawn.x0 < drawn.x1 <= width
    assert 0 <= drawn.y0 < drawn.y1 <= height
