import numpy as np
import pandas as pd
import pytest
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from sentinel_fusion.report.diagnostics import draw_diagnostics
from sentinel_fusion.report.looks import arm_looks

ARMS = ["late", "dual_simclr", "simclr"]
METRICS = (
    "loss",
    "alignment",
    "uniformity",
    "spread",
    "effective_rank",
    "knn_accuracy",
)
WAYS = {"dual_simclr": ("s1_s2", "s2_s1"), "simclr": ("view1_view2", "view2_view1")}


def _curves() -> pd.DataFrame:
    rows = []
    for arm, ways in WAYS.items():
        ranked = [f"retrieval_{w}_{k}" for w in ways for k in ("top1", "median_rank")]
        for metric in (*METRICS, "retrieval_top1", *ranked):
            rows += [(arm, epoch, metric, 1.0 + epoch) for epoch in (4, 0, 2)]
    return pd.DataFrame(rows, columns=["arm", "epoch", "metric", "value"])


@pytest.fixture(scope="module")
def figure() -> Figure:
    chance = {"top1": 0.1, "rank": 5.5}
    return draw_diagnostics(_curves(), arms=ARMS, chance=chance, caption="tiny tiles")


def _panel(figure: Figure, title: str) -> Axes:
    (found,) = (p for p in figure.axes if p.get_title().startswith(title))
    return found


def test_every_measure_has_a_line_an_arm(figure: Figure) -> None:
    for title in ("loss", "alignment", "uniformity", "spread", "effective", "k-NN"):
        assert len(_panel(figure, title).lines) == len(WAYS)


def test_retrieval_has_a_line_a_direction_and_chance(figure: Figure) -> None:
    lines = _panel(figure, "retrieval, top 1").lines
    assert len(lines) == 2 * len(WAYS) + 1
    assert np.asarray(lines[-1].get_ydata()).tolist() == [0.1, 0.1]


def test_directions_have_lines_of_their_own(figure: Figure) -> None:
    there, back = _panel(figure, "retrieval, median").lines[:2]
    assert there.get_color() == back.get_color()
    assert there.get_linestyle() != back.get_linestyle()


def test_epochs_run_from_left_to_right(figure: Figure) -> None:
    assert np.asarray(_panel(figure, "loss").lines[0].get_xdata()).tolist() == [0, 2, 4]


def test_an_arm_has_the_colour_it_has_in_every_figure(figure: Figure) -> None:
    line = _panel(figure, "alignment").lines[0]
    assert line.get_color() == arm_looks(ARMS)["dual_simclr"].colour


def test_the_legend_names_the_arms_drawn(figure: Figure) -> None:
    labels = [text.get_text() for text in figure.legends[0].get_texts()]
    assert labels[:2] == list(WAYS)
