"""Which figures the stage draws of the committed scores, as if of other data."""

import shutil
from pathlib import Path

import pandas as pd
import pytest
from matplotlib.figure import Figure
from stages import ablation

from sentinel_fusion.params import load_params
from sentinel_fusion.report.published import published

ROOT = Path(__file__).parents[2]
Drawn = dict[str, pd.DataFrame]


def _draw(
    monkeypatch: pytest.MonkeyPatch, folder: Path, source: str, protocol: str
) -> Drawn:
    """Name of each figure -> the published figures on it."""
    (folder / "metrics").mkdir()
    for name in ("scores.csv", "intervals.csv", "label_saving.csv"):
        shutil.copy(ROOT / "metrics" / name, folder / "metrics")
    monkeypatch.chdir(folder)
    params = load_params(ROOT / "params.yaml")
    labelled = params.sources.labelled.model_copy(update={"source": source})
    values = {
        "sources": params.sources.model_copy(update={"labelled": labelled}),
        "split": params.split.model_copy(update={"protocol": protocol}),
    }
    params = params.model_copy(update=values)
    monkeypatch.setattr(ablation, "load_params", lambda: params)
    marks: list[pd.DataFrame] = []

    def draw(*_: object, published: pd.DataFrame, **__: object) -> Figure:
        marks.append(published)
        return Figure()

    drawn: Drawn = {}
    monkeypatch.setattr(ablation, "draw_label_efficiency", draw)
    monkeypatch.setattr(
        ablation,
        "save_figure",
        lambda figure, folder, name: drawn.update({name: marks[-1]}),
    )
    ablation.main()
    return drawn


def test_generated_data_get_a_figure_a_task(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    drawn = _draw(monkeypatch, tmp_path, "synthetic", "B")
    tasks = ("single_label", "multi_label", "segmentation")
    assert set(drawn) == {f"label_efficiency_{task}" for task in tasks}
    assert all(marks.empty for marks in drawn.values())


@pytest.mark.parametrize(
    ("protocol", "task", "metric"),
    [
        ("A", "single_label", "aa"),
        ("A", "single_label", "oa"),
        ("A", "segmentation", "aa"),
        ("A", "segmentation", "miou"),
        ("A", "segmentation", "oa"),
        ("B", "single_label", "aa"),
        ("B", "single_label", "oa"),
        ("B", "multi_label", "macro_f1"),
        ("B", "multi_label", "overall_f1"),
        ("C", "segmentation", "miou"),
    ],
)
def test_published_scores_of_all_classes_stand_beside_ours(
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    protocol: str,
    task: str,
    metric: str,
) -> None:
    drawn = _draw(monkeypatch, tmp_path, "dfc2020", protocol)
    wanted = published(task, metric, protocol)
    wanted = wanted[wanted["label_frac"] > 0].reset_index(drop=True)
    names = (f"label_efficiency_{task}", f"label_efficiency_{task}_{metric}")
    assert any(wanted.equals(drawn[name]) for name in names if name in drawn)
