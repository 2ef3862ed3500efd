"""A small cell: labelled tiles of two seeds, and budgets of a few steps."""

from dataclasses import replace
from functools import partial

import numpy as np

from sentinel_fusion.data.augment import build_augment
from sentinel_fusion.data.loader import BatchLoader, TileStore
from sentinel_fusion.tasks import single_label
from sentinel_fusion.train.arms import build_decoder
from sentinel_fusion.train.cell_inputs import CellData, CellSettings
from sentinel_fusion.train.fit import FitSettings

TRAIN, VAL, TEST = (np.arange(start, 48, 3) for start in range(3))
SETTINGS = CellSettings(
    label_frac=0.5,
    learning_rates=(0.01, 0.001),
    fit=FitSettings(
        steps=6, batch_size=8, weight_decay=0.0, eval_every=3, warmup_frac=0.1
    ),
    augment=build_augment("d4", None),
    precision="float32",
    decoder=partial(build_decoder, "unet", {"width": 4}),
)
QUICK = replace(
    SETTINGS, learning_rates=(0.01,), fit=replace(SETTINGS.fit, steps=2, eval_every=1)
)


def labelled_tiles(store: TileStore, loader: BatchLoader) -> CellData:
    """Tiles of the single-label task; the second seed's label order is the reverse."""
    orders = {7: TRAIN, 8: TRAIN[::-1].copy()}
    return CellData(loader, single_label.targets(store), VAL, TEST, orders, orders)
