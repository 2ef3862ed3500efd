import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure

from sentinel_fusion.report.calibration import draw_places, draw_reliability

ARMS = ["late", "dual_simclr", "swin_late"]
USES = ("finetuned", "frozen")
KEYS = pd.DataFrame(
    [(arm, use) for arm in ARMS for use in USES], columns=["arm", "use"]
)
ERRORS = KEYS.assign(ece=np.arange(1, 7) / 100)
CURVE = pd.DataFrame(
    {"confidence": [0.9, 0.5], "accuracy": [0.7, 0.4], "share": [0.8, 0.2]}
)
PLACES = KEYS.assign(
    min=0.1,
    q25=0.3,
    median=[0.5, 0.6, 0.4, 0.6, 0.6, 0.6],
    q75=0.7,
    max=0.9,
    num_places=4,
)


@pytest.fixture(scope="module")
def reliability() -> Figure:
    return draw_reliability(
        KEYS.merge(CURVE, how="cross"),
        ERRORS,
        arms=ARMS,
        accuracy_name="accuracy",
        caption="tiny",
    )


@pytest.fixture(scope="module")
def places() -> Figure:
    return draw_places(PLACES, arms=ARMS, score_name="AA", caption="tiny")


def test_each_use_has_a_panel(reliability: Figure, places: Figure) -> None:
    titles = ["fine-tuned", "frozen encoder"]
    for figure in (reliability, places):
        assert [panel.get_title() for panel in figure.axes] == titles


def test_curves_run_with_confidence_beside_the_diagonal(reliability: Figure) -> None:
    diagonal, *curves = reliability.axes[0].lines
    assert np.asarray(diagonal.get_ydata()).tolist() == [0, 1]
    assert [np.asarray(curve.get_xdata()).tolist() for curve in curves] == [
        [0.5, 0.9]
    ] * len(ARMS)


def test_the_legend_says_the_error_of_each_arm(reliability: Figure) -> None:
    legend = reliability.axes[1].get_legend()
    assert legend is not None
    labels = [text.get_text() for text in legend.get_texts()]
    assert labels[0] == "late, ECE 2.0%"
    assert len(labels) == len(ARMS)


def test_fuller_bins_have_larger_marks(reliability: Figure) -> None:
    sizes = reliability.axes[0].collections[0].get_sizes()  # type: ignore[attr-defined]
    assert sizes[1] == pytest.approx(2 * sizes[0])  # 0.8 against 0.2, by the root


def test_the_best_median_is_on_top(places: Figure) -> None:
    labels = [text.get_text() for text in places.axes[0].get_yticklabels()]
    assert labels == ["dual_simclr", "late", "swin_late"]


def test_a_box_spans_the_middle_half(places: Figure) -> None:
    box = places.axes[0].patches[0]
    left, right = box.get_x(), box.get_x() + box.get_width()  # type: ignore[attr-defined]
    assert (left, right) == (pytest.approx(0.3), pytest.approx(0.7))


def test_arms_that_are_unknown_are_refused() -> None:
    with pytest.raises(
        ValueError, match="arms must list every arm drawn, got no dual_simclr"
    ):
        draw_places(PLACES, arms=["other"], score_name="AA", caption="tiny")
