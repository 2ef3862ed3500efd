from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from matplotlib.container import ErrorbarContainer
from matplotlib.figure import Figure

from sentinel_fusion.report.curves import draw_label_efficiency, save_figure

SUMMARY = pd.DataFrame(
    {
        "arm": ["late", "late", "dual_simclr", "dual_simclr"] * 2,
        "use": ["finetuned"] * 4 + ["frozen"] * 4,
        "label_frac": [0.1, 1.0] * 4,
        "mean": [0.4, 0.6, 0.5, 0.7, 0.3, 0.4, 0.5, 0.6],
        "sd": [0.01] * 8,
        "num_seeds": [3] * 8,
    }
)


def _draw() -> Figure:
    return draw_label_efficiency(
        SUMMARY,
        score_name="average accuracy",
        caption="synthetic",
        trained_arms={"dual_simclr"},
    )


def test_there_is_a_panel_a_use() -> None:
    titles = [axes.get_title() for axes in _draw().axes]
    assert titles == ["fine-tuned", "frozen (linear probe)"]


def test_a_line_holds_an_arms_scores_against_percent() -> None:
    drawn = _draw().axes[0].containers[1]
    assert isinstance(drawn, ErrorbarContainer)
    line = drawn.lines[0]
    assert line is not None
    assert np.asarray(line.get_xdata()).tolist() == pytest.approx([10, 100])
    assert np.asarray(line.get_ydata()).tolist() == [0.5, 0.7]


def test_the_caption_says_which_data() -> None:
    assert [text.get_text() for text in _draw().texts] == ["synthetic"]


@pytest.mark.parametrize("suffix", ["svg", "png"])
def test_the_same_scores_give_the_same_bytes(tmp_path: Path, suffix: str) -> None:
    for name in ("first", "second"):
        save_figure(_draw(), tmp_path, name)
    first, second = ((tmp_path / f"{n}.{suffix}") for n in ("first", "second"))
    assert first.read_bytes() == second.read_bytes()
