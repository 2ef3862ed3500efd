import pandas as pd
import pytest

from sentinel_fusion.report import compare as module
from sentinel_fusion.report.compare import CURVES, Changes, changed_scores, compare

COLUMNS = [
    *("task", "arm", "use", "label_frac", "metric", "mean", "low", "high"),
    *("num_seeds", "num_places"),
]
PARAMS = {"params.yaml": {"finetune.steps": {"old": 60, "new": 30, "diff": -30}}}
METRICS: Changes = {
    "metrics/headline.json": {
        "labels": {"old": 82, "new": 82, "diff": 0},
        "finetuned.aa": {"old": 0.701234, "new": 0.65, "diff": -0.051234},
        "task": {"old": "single_label", "new": None},
    },
    CURVES: {"single_label.finetuned.late.pct_100.aa": {"old": 0.7, "new": 0.65}},
}


def _table(*rows: tuple[str, float, float, float]) -> pd.DataFrame:
    return pd.DataFrame(
        [
            ("single_label", arm, "finetuned", 0.1, "aa", mean, low, high, 3, 64)
            for arm, mean, low, high in rows
        ],
        columns=COLUMNS,
    )


OLD = _table(
    ("late", 0.70, 0.68, 0.72),
    ("mma", 0.60, 0.55, 0.65),
    ("s1", 0.50, 0.49, 0.51),
    ("gone", 0.40, 0.39, 0.41),
)
NEW = _table(
    ("late", 0.65, 0.63, 0.67),
    ("mma", 0.62, 0.57, 0.67),
    ("s1", 0.50, 0.49, 0.51),
    ("added", 0.30, 0.29, 0.31),
)


def _text(
    *,
    params: Changes,
    metrics: Changes | None = None,
    old: pd.DataFrame | None = OLD,
    new: pd.DataFrame | None = NEW,
    confidence: float = 0.95,
) -> str:
    return compare(
        "main",
        params=params,
        metrics=metrics or {},
        old=old,
        new=new,
        confidence=confidence,
    )


def _compare(
    old: pd.DataFrame | None = OLD, new: pd.DataFrame | None = NEW
) -> list[str]:
    return _text(params=PARAMS, metrics=METRICS, old=old, new=new).splitlines()


def test_a_change_beyond_both_intervals_is_marked() -> None:
    rows = changed_scores(OLD, NEW).set_index("arm")
    assert rows["outside"].to_dict() == {
        "late": True,
        "mma": False,
        "gone": False,
        "added": False,
    }
    assert rows.loc["late", "change"] == pytest.approx(-0.05)


def test_a_mean_within_the_wider_of_two_intervals_is_not_outside() -> None:
    wide, narrow = _table(("late", 0.7, 0.5, 0.9)), _table(("late", 0.6, 0.59, 0.61))
    assert not changed_scores(wide, narrow)["outside"].item()
    assert not changed_scores(narrow, wide)["outside"].item()


def test_a_score_that_stayed_is_left_out_and_a_moved_interval_is_not() -> None:
    moved = _table(("late", 0.70, 0.60, 0.80))
    assert changed_scores(OLD, OLD).empty
    assert changed_scores(OLD[:1], moved)["arm"].tolist() == ["late"]


def test_what_lies_outside_comes_first_and_single_scores_last() -> None:
    rows = changed_scores(OLD, NEW)["arm"].tolist()
    assert rows[:2] == ["late", "mma"]
    assert set(rows[2:]) == {"gone", "added"}


def test_the_marked_rows_stand_in_sight_and_the_others_are_folded() -> None:
    lines = _compare()
    late = "| single_label | fine-tuned | late | 10 % | aa "
    marked = f"{late}| 70.0 (68.0 to 72.0) | 65.0 (63.0 to 67.0) | -5.0 | **yes** |"
    folded = lines.index("<details><summary>3 others</summary>")
    assert lines.index(marked) < folded
    assert "| - | 30.0 (29.0 to 31.0) |  |  |" in " ".join(lines[folded:])
    assert any(line.startswith("4 scores changed, 1 to outside") for line in lines)


def test_changed_params_are_listed_with_both_values() -> None:
    lines = _compare()
    assert "params changed: 1" in lines
    assert "| params.yaml | `finetune.steps` | 60 | 30 |" in lines


def test_many_params_are_folded() -> None:
    keys = {f"arms.a{number}.loss": {"old": None, "new": "x"} for number in range(11)}
    text = _text(params={"params.yaml": keys}, new=OLD)
    assert "<details><summary>params changed: 11</summary>" in text


def test_metrics_that_stayed_are_left_out() -> None:
    lines = _compare()
    assert "| metrics/headline.json | `finetuned.aa` | 0.701234 | 0.65 |" in lines
    assert "| metrics/headline.json | `task` | single_label | - |" in lines
    assert not any("`labels`" in line for line in lines)


def test_the_curves_are_listed_once_with_intervals_or_without() -> None:
    assert not any(CURVES in line for line in _compare())
    assert any(CURVES in line for line in _compare(old=None))


@pytest.mark.parametrize(
    ("tables", "where"),
    [({"old": None}, "main"), ({"new": None}, "the working tree")],
)
def test_a_side_without_intervals_is_named(tables: dict[str, None], where: str) -> None:
    words = f"No intervals: {where} has no metrics/intervals.csv."
    assert words in _compare(**tables)


def test_equal_sides_say_that_nothing_changed() -> None:
    text = _text(params={}, new=OLD)
    assert text == (
        "## Compared with main\n\nNo param changed.\n\n"
        "No score changed: 4 are the same.\n\nNo metric changed.\n"
    )


def test_intervals_are_called_by_their_confidence() -> None:
    assert "(in %, with 90 % intervals; both" in _text(params={}, confidence=0.9)


def test_intervals_of_another_confidence_on_the_other_side_are_called_by_both() -> None:
    keys = {"intervals.confidence": {"old": 0.8, "new": 0.9}}
    text = _text(params={"params.yaml": keys}, confidence=0.9)
    assert "(in %, with 80 % intervals there, 90 % intervals here; both" in text


def test_a_long_table_is_cut_and_the_rest_counted(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "MOST_ROWS", 1)
    assert "and 2 more" in _compare()
