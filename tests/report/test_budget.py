import pandas as pd
import pytest

from sentinel_fusion.report.budget import COLUMNS, FAIR, budget_rows, refuse_unequal

COLUMNS_OF_CURVES = [
    *("use", "seed", "learning_rate", "chosen", "augmented", "step", "val_score")
]
CURVES = pd.DataFrame(
    [
        ("finetuned", 0, 0.1, False, True, 5, 0.9),
        ("finetuned", 0, 0.1, False, True, 10, 0.2),
        ("finetuned", 0, 0.01, True, True, 5, 0.4),
        ("finetuned", 0, 0.01, True, True, 10, 0.8),
        ("finetuned", 1, 0.01, True, True, 5, 0.6),
        ("finetuned", 1, 0.01, True, True, 10, 0.6),
        ("frozen", 0, 0.1, True, False, 5, 0.5),
        ("frozen", 0, 0.1, True, False, 10, 0.4),
        ("frozen", 0, 0.01, False, False, 5, 0.3),
        ("frozen", 0, 0.01, False, False, 10, 0.3),
    ],
    columns=COLUMNS_OF_CURVES,
)
BOTH = budget_rows(CURVES, batch_size=8, augment="d4")
FINETUNED, FROZEN = BOTH


def test_every_use_has_a_row() -> None:
    assert [row["use"] for row in BOTH] == ["finetuned", "frozen"]


def test_steps_validations_and_candidates_are_counted_in_the_curves() -> None:
    assert (FINETUNED["steps"], FINETUNED["validations"]) == (10, 2)
    assert FINETUNED["candidates"] == "0.01 0.1"


def test_the_best_step_and_score_are_means_over_the_seeds_of_the_chosen_rate() -> None:
    # seed 0 is best at step 10 with 0.8, seed 1 first reaches 0.6 at step 5
    assert FINETUNED["best_step"] == 7.5
    assert FINETUNED["val_score"] == pytest.approx(0.7)


def test_a_use_that_does_not_augment_says_so() -> None:
    assert (FINETUNED["augment"], FROZEN["augment"]) == ("d4", "none")


def test_a_rate_at_the_edge_of_the_candidates_is_marked() -> None:
    assert (FINETUNED["learning_rate"], FINETUNED["edge"]) == (0.01, "lowest")
    assert (FROZEN["learning_rate"], FROZEN["edge"]) == (0.1, "highest")


def test_a_rate_between_others_or_alone_is_at_no_edge() -> None:
    lower = CURVES.query("use == 'frozen' and not chosen").assign(learning_rate=0.9)
    (among,) = budget_rows(
        pd.concat([CURVES.query("use == 'frozen'"), lower]), batch_size=8, augment="d4"
    )
    (alone,) = budget_rows(
        CURVES.query("use == 'frozen' and chosen"), batch_size=8, augment="d4"
    )
    assert (among["edge"], alone["edge"]) == ("no", "only")


def _table(**changed: object) -> pd.DataFrame:
    """Two arms at two fractions with the same budget, but for one row."""
    rows = [
        {"task": "single_label", "arm": arm, "label_frac": frac, **row}
        for arm in ("late", "mma")
        for frac in (0.1, 1.0)
        for row in BOTH
    ]
    rows[-1] |= changed
    return pd.DataFrame(rows)[list(COLUMNS)]


def test_arms_with_one_budget_pass_whatever_rate_they_chose() -> None:
    refuse_unequal(_table(learning_rate=0.05, edge="no", best_step=5.0, val_score=0.1))


@pytest.mark.parametrize("column", FAIR)
def test_an_arm_with_another_budget_is_refused_by_name(column: str) -> None:
    other = "x" if isinstance(FROZEN[column], str) else 99
    message = rf"single_label, frozen: {column} must .* for late, mma; {other} for mma;"
    with pytest.raises(ValueError, match=message):
        refuse_unequal(_table(**{column: other}))
