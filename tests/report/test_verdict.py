import dataclasses

import pandas as pd
import pytest
from tests.results import RUN

from sentinel_fusion.report.curve_chart import NO_FLOORS
from sentinel_fusion.report.verdict import verdicts

NO_REFERENCE = pd.DataFrame(columns=["task", "arm", "mean"])
REFERENCE = pd.DataFrame(
    [("single_label", "late", 0.701)], columns=NO_REFERENCE.columns
)


def _claims(*words: str) -> pd.DataFrame:
    """The first is best; each is one point worse than the one before."""
    return pd.DataFrame(
        [
            {
                "task": "single_label",
                "arm": f"arm{i}",
                "use": "frozen",
                "difference": 0.005 - 0.01 * i,
                "low": -0.015 - 0.01 * i,
                "high": 0.025 - 0.01 * i,
                "verdict": word,
            }
            for i, word in enumerate(words)
        ]
    )


@pytest.mark.parametrize(
    ("words", "best"),
    [
        (("does not hold", "holds", "undecided"), "holds"),
        (("does not hold", "undecided"), "undecided"),
        (("does not hold", "does not hold"), "does not hold"),
    ],
)
def test_a_task_has_the_best_word_of_its_arms(
    words: tuple[str, ...], best: str
) -> None:
    found = verdicts(RUN, _claims(*words), NO_REFERENCE, NO_FLOORS)
    assert [verdict.word for verdict in found] == [best]


def test_the_bar_is_named_first() -> None:
    sentences = verdicts(RUN, _claims("holds"), REFERENCE, NO_FLOORS)[0].sentences
    assert sentences[0] == (
        "The bar: late, fine-tuned with all labels, average accuracy (AA) 70.1 %."
    )


def test_the_bar_has_the_share_of_labels_that_the_claim_names() -> None:
    claim = dataclasses.replace(RUN.claim, reference_frac=0.5)
    run = dataclasses.replace(RUN, claim=claim)
    sentences = verdicts(run, _claims("holds"), REFERENCE, NO_FLOORS)[0].sentences
    assert "late, fine-tuned with 50 % of the labels, average" in sentences[0]


@pytest.mark.parametrize(("score", "is_low"), [(0.71, True), (0.69, False)])
def test_a_bar_that_random_features_pass_is_called_low(
    score: float, is_low: bool
) -> None:
    floors = pd.DataFrame(
        [("single_label", frac, "swin_late", score) for frac in RUN.label_fracs],
        columns=NO_FLOORS.columns,
    )
    sentences = verdicts(RUN, _claims("holds"), REFERENCE, floors)[0].sentences
    caution = (
        f"The bar is low: swin_late frozen with random weights and as few labels has "
        f"{100 * score:.1f} %. The paired comparisons say what pre-training adds to "
        "that."
    )
    assert (caution in sentences) == is_low


def test_an_arm_is_named_with_its_difference_and_interval() -> None:
    sentences = verdicts(RUN, _claims("undecided"), NO_REFERENCE, NO_FLOORS)[
        0
    ].sentences
    assert sentences == (
        "Undecided for 1 of 1: arm0, frozen encoder (+0.5 points, "
        "\N{MINUS SIGN}1.5 to +2.5).",
    )


def test_arms_beyond_the_best_three_are_counted() -> None:
    sentences = verdicts(RUN, _claims(*["holds"] * 5), NO_REFERENCE, NO_FLOORS)[
        0
    ].sentences
    assert sentences[0].startswith("Holds for 5 of 5: arm0, ")
    assert sentences[0].endswith("; and 2 more.")
    assert "arm3" not in sentences[0]


def test_an_unknown_verdict_is_refused() -> None:
    with pytest.raises(
        ValueError, match="one of holds, undecided, does not hold, got maybe"
    ):
        verdicts(RUN, _claims("maybe"), NO_REFERENCE, NO_FLOORS)
