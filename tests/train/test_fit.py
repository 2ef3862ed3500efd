import numpy as np
import pytest
import torch
from torch import nn

from sentinel_fusion.models.heads import linear_head
from sentinel_fusion.tasks import single_label
from sentinel_fusion.train import passes
from sentinel_fusion.train.fit import (
    Fit,
    FitData,
    FitSettings,
    fit,
    join_passes,
    predict,
)
from sentinel_fusion.train.learners import LinearProbe

SETTINGS = FitSettings(
    steps=40, batch_size=8, weight_decay=0.0, eval_every=10, warmup_frac=0.1
)
TARGETS = np.arange(24) % 3
FEATURES = 3 * torch.eye(3)[torch.from_numpy(TARGETS)]
DATA = FitData(np.arange(12), np.arange(12), np.arange(12, 24), TARGETS)


def _learner(seed: int = 0) -> LinearProbe:
    return LinearProbe(FEATURES, linear_head(3, 8, seed))


def _fit(learner: LinearProbe, **options: float) -> Fit:
    settings = {"learning_rate": 0.1, "seed": 0, **options}
    return fit(learner, single_label, DATA, SETTINGS, **settings)  # type: ignore[arg-type]


def test_separable_tiles_are_learnt() -> None:
    assert _fit(_learner()).val_score == 1


def test_the_learner_is_left_in_its_best_state() -> None:
    learner = _learner()
    fitted = _fit(learner)
    probability = predict(learner, single_label, DATA.val_rows)
    score = single_label.selection_score(probability, TARGETS[DATA.val_rows])
    assert score == fitted.val_score == max(row["val_score"] for row in fitted.curve)


def test_same_seed_gives_the_same_weights() -> None:
    first, second = (_fit(_learner()).best for _ in range(2))
    assert all(torch.equal(first[name], second[name]) for name in first)


def test_layers_that_draw_are_repeatable_by_the_fits_seed() -> None:
    weights = []
    for elsewhere in (1, 2):
        head = nn.Sequential(nn.Dropout(0.5), linear_head(3, 8, 0))
        torch.manual_seed(elsewhere)
        weights.append(_fit(LinearProbe(FEATURES, head)).best["1.weight"])
    assert torch.equal(*weights)


def test_another_seed_changes_the_order() -> None:
    first, second = (_fit(_learner(), seed=seed).best for seed in (0, 1))
    assert not torch.equal(first["weight"], second["weight"])


def test_validations_come_at_even_steps_and_at_the_end() -> None:
    curve = _fit(_learner()).curve
    assert [row["step"] for row in curve] == [10, 20, 30, 40]


@pytest.mark.parametrize("batch_size", [1, 5, 12])
def test_predictions_follow_the_rows_whatever_the_batch(
    monkeypatch: pytest.MonkeyPatch, batch_size: int
) -> None:
    learner, rows = _learner(), DATA.val_rows[::-1].copy()
    expected = single_label.probabilities(learner.logits(rows)).numpy()
    monkeypatch.setattr(passes, "TILES_A_PASS", batch_size)
    probability = predict(learner, single_label, rows)
    assert probability == pytest.approx(expected)


def test_fewer_labels_than_a_batch_still_take_all_steps() -> None:
    data = FitData(np.arange(3), np.arange(3), DATA.val_rows, TARGETS)
    fitted = fit(_learner(), single_label, data, SETTINGS, learning_rate=0.1, seed=0)
    assert fitted.curve[-1]["step"] == SETTINGS.steps


def test_only_the_label_subset_is_trained_on() -> None:
    poisoned = TARGETS.copy()
    poisoned[12:] = 7
    rows = FitData(np.arange(12), np.arange(12), np.arange(12), poisoned)
    fitted = fit(_learner(), single_label, rows, SETTINGS, learning_rate=0.1, seed=0)
    assert fitted.val_score == 1


def test_tiles_are_trained_with_the_labels_of_their_label_rows() -> None:
    shifted = np.arange(12).reshape(4, 3)[:, [1, 2, 0]].ravel()  # class + 1
    data = FitData(np.arange(12), shifted, DATA.val_rows, TARGETS)
    learner = _learner()
    fit(learner, single_label, data, SETTINGS, learning_rate=0.1, seed=0)
    predicted = predict(learner, single_label, DATA.val_rows).argmax(axis=1)
    assert (predicted != TARGETS[DATA.val_rows]).all()


def test_a_non_finite_loss_is_refused() -> None:
    learner = LinearProbe(FEATURES * torch.inf, linear_head(3, 8, 0))
    with pytest.raises(FloatingPointError, match="at step 1 with learning rate"):
        _fit(learner)


def test_the_predictions_of_the_best_step_on_validation_tiles_are_kept() -> None:
    learner = _learner()
    fitted = _fit(learner)
    probability = predict(learner, single_label, DATA.val_rows)
    assert fitted.val_probability.numpy() == pytest.approx(probability)


def test_passes_are_joined_in_order_until_they_have_the_bytes() -> None:
    passes = [np.arange(start, start + 2, dtype=np.uint8) for start in range(0, 10, 2)]
    joined = [rows.tolist() for rows in join_passes(passes, some_bytes=4)]
    assert joined == [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9]]
