"""One supervised fit: fixed steps, the best step on validation tiles kept."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np
import torch
from jaxtyping import Integer, Shaped
from torch import Tensor

from sentinel_fusion.train.checkpoint import State
from sentinel_fusion.train.learners import Learner
from sentinel_fusion.train.optim import cosine_schedule
from sentinel_fusion.train.passes import in_passes


@runtime_checkable
class Task(Protocol):
    """What every task module ``tasks/<name>.py`` offers to a fit."""

    def loss(self, logits: Tensor, wanted: Tensor) -> Tensor:
        """Loss of a batch."""
        ...

    def probabilities(self, logits: Tensor) -> Tensor:
        """Probabilities of some tiles."""
        ...

    def selection_score(self, probability: np.ndarray, wanted: np.ndarray) -> float:
        """What the step is chosen by, higher is better."""
        ...


@dataclass(frozen=True)
class FitSettings:
    """Budget of a fit, the same for every arm.

    Args:
        steps: Optimiser steps.
        batch_size: Tiles a step; cut to the number of labelled tiles where fewer.
        weight_decay: Decoupled weight decay of AdamW.
        eval_every: Steps between validations.
        warmup_frac: Share of the steps with a rising learning rate.
    """

    steps: int
    batch_size: int
    weight_decay: float
    eval_every: int
    warmup_frac: float


@dataclass(frozen=True)
class FitData:
    """Labelled tiles to train on and to select by.

    Args:
        train_rows: The label subset.
        label_rows: The tile whose label each of those is trained with: itself, or
            another in the control with permuted labels.
        val_rows: Tiles of the validation places.
        targets: Target of every tile of the store.
    """

    train_rows: Integer[np.ndarray, " train"]
    label_rows: Integer[np.ndarray, " train"]
    val_rows: Integer[np.ndarray, " val"]
    targets: Integer[np.ndarray, "tiles ..."]


@dataclass(frozen=True)
class Fit:
    """Outcome of a fit.

    Args:
        val_score: Best selection score on the validation tiles.
        best: State of the learner at that step.
        val_probability: What the learner predicted of the validation tiles then.
        curve: A row a validation: step, training loss, validation score.
    """

    val_score: float
    best: State
    val_probability: Shaped[Tensor, "val ..."]
    curve: list[dict[str, float]]


def fit(
    learner: Learner,
    task: Task,
    data: FitData,
    settings: FitSettings,
    *,
    learning_rate: float,
    seed: int,
) -> Fit:
    """Train a learner and leave it in its best state.

    Args:
        learner: Learner to train.
        task: Loss and selection score.
        data: Labelled tiles.
        settings: Budget.
        learning_rate: Peak rate of AdamW.
        seed: Seed of order, augmentation and drop-path; torch's global state is set.

    Returns:
        Score, state and curve.

    Raises:
        FloatingPointError: If the loss is not finite.
    """
    device = next(learner.trained.parameters()).device
    optimizer = torch.optim.AdamW(
        learner.trained.parameters(),
        lr=learning_rate,
        weight_decay=settings.weight_decay,
        fused=True,
    )
    schedule = cosine_schedule(
        optimizer,
        total_steps=settings.steps,
        warmup_steps=round(settings.warmup_frac * settings.steps),
    )
    generator = torch.Generator().manual_seed(seed)
    torch.manual_seed(seed)  # drop-path has no generator of its own
    best = Fit(val_score=-np.inf, best={}, val_probability=torch.empty(0), curve=[])
    losses: list[float] = []
    order = _endless_order(len(data.train_rows), settings, generator)
    for step, chosen in enumerate(order, start=1):
        rows = data.train_rows[chosen]
        wanted = torch.from_numpy(data.targets[data.label_rows[chosen]]).to(device)
        loss = task.loss(*learner.training_pair(rows, wanted, generator))
        if not torch.isfinite(loss):
            raise FloatingPointError(
                f"training loss must be finite, got {loss.item()} at step {step} with "
                f"learning rate {learning_rate}; lower finetune.learning_rates"
            )
        optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        schedule.step()
        losses.append(float(loss.detach()))
        if step % settings.eval_every == 0 or step == settings.steps:
            probability = predict(learner, task, data.val_rows)
            score = task.selection_score(probability, data.targets[data.val_rows])
            best.curve.append(
                {"step": step, "loss": float(np.mean(losses)), "val_score": score}
            )
            losses.clear()
            if score > best.val_score:
                state = learner.trained.state_dict()
                best = Fit(
                    val_score=score,
                    best={name: value.clone() for name, value in state.items()},
                    val_probability=torch.from_numpy(probability),
                    curve=best.curve,
                )
    learner.trained.load_state_dict(best.best)
    return best


def predict(
    learner: Learner, task: Task, rows: Integer[np.ndarray, " tiles"]
) -> Shaped[np.ndarray, "tiles ..."]:
    """Probabilities of some tiles.

    Args:
        learner: Learner to ask.
        task: Turns logits into probabilities.
        rows: Tiles.

    Returns:
        One row a tile, as the task keeps probabilities.
    """
    return np.concatenate([*predict_passes(learner, task, rows)])


def predict_passes(
    learner: Learner, task: Task, rows: Integer[np.ndarray, " tiles"]
) -> Iterator[Shaped[np.ndarray, "_ ..."]]:
    """Probabilities of some tiles, by forward pass.

    Args:
        learner: Learner to ask.
        task: Turns logits into probabilities.
        rows: Tiles.

    Yields:
        One row a tile, as the task keeps probabilities.
    """
    for some in in_passes(rows):
        yield task.probabilities(learner.logits(some)).cpu().numpy()


def join_passes(
    passes: Iterable[Shaped[np.ndarray, "_ ..."]], some_bytes: int
) -> Iterator[Shaped[np.ndarray, "_ ..."]]:
    """Fewer, larger arrays, but not much larger than some bytes.

    Args:
        passes: Arrays by forward pass.
        some_bytes: Bytes from which what was joined is passed on.

    Yields:
        Their rows, in the same order.
    """
    held: list[np.ndarray] = []
    held_bytes = 0
    for rows in passes:
        held.append(rows)
        held_bytes += rows.nbytes
        if held_bytes >= some_bytes:
            yield np.concatenate(held)
            held, held_bytes = [], 0
    if held:
        yield np.concatenate(held)


def _endless_order(
    num_tiles: int, settings: FitSettings, generator: torch.Generator
) -> list[Shaped[np.ndarray, " batch"]]:
    # at least two: a batch of one has no batch statistics; a single tile comes twice
    batch_size = max(2, min(settings.batch_size, num_tiles))
    passes = -(-settings.steps * batch_size // num_tiles)
    order = torch.cat(
        [torch.randperm(num_tiles, generator=generator) for _ in range(passes)]
    ).numpy()
    return [
        order[step * batch_size : (step + 1) * batch_size]
        for step in range(settings.steps)
    ]
