"""One cell of the ablation: an arm, a task and a label fraction, all seeds and uses."""

from collections.abc import Iterator
from dataclasses import dataclass

import pandas as pd

from sentinel_fusion.data.splits import subset_size
from sentinel_fusion.models.fusion import FusedEncoder
from sentinel_fusion.train.cell_inputs import CellData, CellSettings, CellTask
from sentinel_fusion.train.checkpoint import Checkpoints
from sentinel_fusion.train.cost import forward_gflops
from sentinel_fusion.train.trials import Trials
from sentinel_fusion.uses import USES


@dataclass(frozen=True)
class CellPart:
    """What a cell leaves of some tiles, by one use and seed.

    Args:
        predictions: Probabilities and targets of validation or test tiles: "use",
            "seed", "split", "row", and the task's columns.
        curves: Validation curves of the fits that were done since the part before,
            mostly none: "use", "seed", "learning_rate", "chosen", "augmented", "step",
            "loss", "val_score"; the first seed's with the rates that lost.
    """

    predictions: pd.DataFrame
    curves: list[pd.DataFrame]


def run_cell(
    encoder: FusedEncoder,
    task: CellTask,
    data: CellData,
    settings: CellSettings,
    checkpoints: Checkpoints,
    shared: Checkpoints,
) -> Iterator[CellPart]:
    """Fit every seed and both uses of an encoder, and predict once with each best fit.

    Args:
        encoder: The arm's encoder, on its device; left unchanged.
        task: The task.
        data: Labelled tiles by split.
        settings: Size and budget.
        checkpoints: Where finished fits of an interrupted cell are found.
        shared: Where cells of the same encoder and tiles find its frozen features.

    Yields:
        Parts: by use and seed the validation tiles, then the test tiles.
    """
    trials = Trials(encoder, task, data, settings, checkpoints)
    if not task.ON_MAPS:
        trials.read_features(shared)
    for use in USES:
        learning_rate, curves = trials.choose_learning_rate(use)
        for seed in data.label_orders:
            fitted = trials.fit(use, seed, learning_rate)
            curves.append(
                trials.curve(fitted, use, seed, learning_rate, is_chosen=True)
            )
            for predictions in trials.predict(use, seed, fitted):
                yield CellPart(predictions, curves)
                curves = []


def cell_cost(
    encoder: FusedEncoder, task: CellTask, data: CellData, settings: CellSettings
) -> dict[str, float]:
    """What a cell's model and labels amount to; no time, which is never the same.

    Args:
        encoder: The arm's encoder.
        task: The task.
        data: Labelled tiles by split.
        settings: Size and budget.

    Returns:
        "parameters" of encoder and head, "labels", the tiles whose labels train, and
        "gflops" of a forward pass of one tile.
    """
    head = task.build_head(encoder, decoder=settings.decoder, seed=0)
    head.to(next(encoder.parameters()).device).eval()
    encoder.eval()
    order = next(iter(data.label_orders.values()))
    tile = data.loader.load(order[:1])
    gflops = forward_gflops(lambda: head(task.encode(encoder, tile)))
    return {
        "parameters": sum(
            p.numel() for part in (encoder, head) for p in part.parameters()
        ),
        "labels": subset_size(settings.label_frac, len(order)),
        "gflops": round(gflops, 6),
    }
