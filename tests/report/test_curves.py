from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
from matplotlib.axes import Axes
from matplotlib.collections import FillBetweenPolyCollection
from matplotlib.container import ErrorbarContainer
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.text import Annotation, Text

from sentinel_fusion.report.curves import FLOOR, draw_label_efficiency

ARMS = (
    *("s1", "s2", "early", "late", "dual_simclr", "s2_rgb", "simclr_rgb", "simclr"),
    *("vgg_late", "mma", "swin_s1", "swin_s2", "swin_early", "swin_late"),
    *("swin_dual_simclr", "ensemble"),
)
SUMMARY = pd.DataFrame(
    {
        "arm": ["late", "late", "dual_simclr", "dual_simclr"] * 2,
        "use": ["finetuned"] * 4 + ["frozen"] * 4,
        "label_frac": [0.1, 1.0] * 4,
        "mean": [0.4, 0.6, 0.5, 0.7, 0.3, 0.4, 0.5, 0.6],
        "low": [0.38, 0.58, 0.48, 0.68, 0.28, 0.38, 0.48, 0.58],
        "high": [0.41, 0.61, 0.51, 0.71, 0.31, 0.41, 0.51, 0.61],
    }
)
PUBLISHED = pd.DataFrame(
    {
        "paper": ["P1"] * 4,
        "system": ["MMA", "D-SimCLR", "D-SimCLR", "D-SimCLR"],
        "use": ["finetuned", "finetuned", "finetuned", "frozen"],
        "label_frac": [1.0, 0.1, 1.0, 1.0],
        "value": [0.69, 0.654, 0.7, 0.59],
    }
)


def _draw(
    summary: pd.DataFrame = SUMMARY, published: pd.DataFrame = PUBLISHED[:0]
) -> Figure:
    return draw_label_efficiency(
        summary,
        score_name="average accuracy",
        caption="synthetic",
        arms=ARMS,
        trained_arms={"dual_simclr"},
        published=published,
    )


def _line_of(panel: Axes, arm: str) -> Line2D:
    bars = [c for c in panel.containers if c.get_label() == arm]
    assert isinstance(bars[0], ErrorbarContainer)
    assert bars[0].lines[0] is not None
    return bars[0].lines[0]


def _marks(panel: Axes) -> list[Line2D]:
    bars = [c for c in panel.containers if isinstance(c, ErrorbarContainer)]
    ours = {id(line) for bar in bars for line in (bar.lines[0], *bar.lines[1])}
    return [line for line in panel.lines if id(line) not in ours]


def _labels(panel: Axes) -> list[Annotation]:
    return [text for text in panel.texts if isinstance(text, Annotation)]


def test_there_is_a_panel_a_use() -> None:
    titles = [axes.get_title() for axes in _draw().axes]
    assert titles == ["fine-tuned", "frozen encoder"]


def test_a_line_holds_an_arms_scores_against_percent() -> None:
    line = _line_of(_draw().axes[0], "dual_simclr")
    assert np.asarray(line.get_xdata()).tolist() == pytest.approx([10, 100])
    assert np.asarray(line.get_ydata()).tolist() == [0.5, 0.7]


def test_error_bars_end_where_the_interval_does() -> None:
    bars = [c for c in _draw().axes[0].containers if c.get_label() == "dual_simclr"]
    assert isinstance(bars[0], ErrorbarContainer)
    (lines,) = bars[0].lines[2]
    ends = [segment[:, 1].tolist() for segment in lines.get_segments()]
    assert ends == [pytest.approx([0.48, 0.51]), pytest.approx([0.68, 0.71])]


def test_pre_trained_arms_are_solid_and_the_others_dashed() -> None:
    panel = _draw().axes[0]
    assert _line_of(panel, "dual_simclr").get_linestyle() == "-"
    assert _line_of(panel, "late").get_linestyle() == "--"


def test_the_legend_lists_the_arms_drawn_in_the_order_of_all() -> None:
    legend = _draw(SUMMARY[::-1]).legends[0]
    names = [t.get_text() for t in legend.get_texts()]
    assert names == ["late", "dual_simclr", FLOOR]


def test_an_arm_of_the_second_panel_only_is_in_the_legend() -> None:
    rows = SUMMARY[(SUMMARY["use"] == "frozen") | (SUMMARY["arm"] == "late")]
    legend = _draw(rows).legends[0]
    assert [t.get_text() for t in legend.get_texts()][:2] == ["late", "dual_simclr"]


def test_the_frozen_panel_is_shaded_up_to_the_best_random_features() -> None:
    worse = SUMMARY[SUMMARY["arm"] == "late"].assign(
        arm="s1", mean=0.2, low=0.1, high=0.3
    )
    figure = _draw(pd.concat([SUMMARY, worse]))
    tuned, frozen = (panel.collections for panel in figure.axes)
    (floor,) = [c for c in frozen if isinstance(c, FillBetweenPolyCollection)]
    assert not [c for c in tuned if isinstance(c, FillBetweenPolyCollection)]
    outline = np.asarray(floor.get_paths()[0].vertices)
    tops = {x: outline[outline[:, 0] == x, 1].max() for x in (10, 100)}
    assert tops == pytest.approx({10: 0.3, 100: 0.4})


def test_the_floor_leaves_the_limits_to_the_lines() -> None:
    figure = _draw()
    low, high = figure.axes[1].get_ylim()
    assert 0.2 < low < 0.29  # the lowest bar ends at 0.3 - 0.01
    assert 0.71 < high < 0.8


def _only_trained() -> pd.DataFrame:
    return SUMMARY[SUMMARY["arm"] == "dual_simclr"]


def test_without_random_features_there_is_no_floor() -> None:
    names = [t.get_text() for t in _draw(_only_trained()).legends[0].get_texts()]
    assert FLOOR not in names


def test_an_arm_looks_the_same_whatever_others_are_drawn() -> None:
    only = SUMMARY[SUMMARY["arm"] == "dual_simclr"]
    alone, beside = (_line_of(_draw(s).axes[0], "dual_simclr") for s in (only, SUMMARY))
    assert alone.get_color() == beside.get_color()
    assert alone.get_marker() == beside.get_marker()


def test_published_marks_stand_in_the_panel_of_their_use() -> None:
    tuned, frozen = _draw(published=PUBLISHED).axes
    assert [len(_marks(panel)) for panel in (tuned, frozen)] == [2, 1]
    assert np.asarray(_marks(frozen)[0].get_ydata()).tolist() == [0.59]


def test_a_published_system_is_named_once_a_panel_with_its_paper() -> None:
    tuned, frozen = _draw(published=PUBLISHED).axes
    assert [t.get_text() for t in _labels(tuned)] == ["MMA (P1)", "D-SimCLR (P1)"]
    assert [t.get_text() for t in _labels(frozen)] == ["D-SimCLR (P1)"]


def test_a_published_system_has_one_marker_in_all_panels() -> None:
    tuned, frozen = _draw(published=PUBLISHED).axes
    assert _marks(tuned)[1].get_marker() == _marks(frozen)[0].get_marker()


def test_published_marks_are_hollow() -> None:
    assert _marks(_draw(published=PUBLISHED).axes[0])[0].get_markerfacecolor() == "none"


def test_without_published_figures_nothing_is_added() -> None:
    figure = _draw()
    assert [_marks(panel) for panel in figure.axes] == [[], []]
    assert [_labels(panel) for panel in figure.axes] == [[], []]


def test_labels_of_equal_figures_do_not_overlap() -> None:
    equal = pd.concat([PUBLISHED[:1]] * 5).assign(system=list("abcde"))
    figure = _draw(published=equal)
    figure.draw_without_rendering()
    extents = [Text.get_window_extent(text) for text in _labels(figure.axes[0])]
    boxes = sorted((extent.y0, extent.y1) for extent in extents)
    assert len(boxes) == 5
    assert all(low[1] < high[0] for low, high in pairwise(boxes))


def test_all_arms_fit_into_the_figure() -> None:
    rows = [SUMMARY[SUMMARY["arm"] == "late"].assign(arm=arm) for arm in ARMS]
    figure = _draw(pd.concat(rows), PUBLISHED)
    figure.draw_without_rendering()
    drawn = figure.get_tightbbox()
    width, height = figure.get_size_inches()
    assert 0 <= drawn.x0 < drawn.x1 <= width
    assert 0 <= drawn.y0 < drawn.y1 <= height


def test_the_caption_says_which_data() -> None:
    assert [text.get_text() for text in _draw().texts] == ["synthetic"]
