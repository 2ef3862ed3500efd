"""Share of loading and augmentation in a pre-training step on one thread."""

import time
from dataclasses import dataclass

import numpy as np
import torch
from measure import Row, median, row, spread

from sentinel_fusion.data.augment import build_augment
from sentinel_fusion.data.loader import BatchLoader, TileStore, load_augmented
from sentinel_fusion.train.arms import ArmConfig, build_method


@dataclass(frozen=True)
class Case:
    """A pre-training step whose loading is timed."""

    architecture: str
    width: int
    size_px: int
    batch: int
    augment: str
    steps: int


def share_of_a_step(name: str, store: TileStore, case: Case) -> Row:
    """Time steps of Dual-SimCLR.

    Args:
        name: Where the tiles are.
        store: Tiles of at least ``case.size_px``.
        case: The step.

    Returns:
        The share, with its goal.
    """
    arm = ArmConfig(
        method="dual_simclr",
        method_options={
            "projection_dim": 128,
            "temperature": 0.07,
            "negatives": "both",
        },
        loss="nt_xent",
        encoder="resnet",
        encoder_options={"architecture": case.architecture, "width": case.width},
        inputs=("s1", "s2"),
        bands={},
        fusion="late",
        size_px=case.size_px,
        seed=0,
    )
    method = build_method(arm, store.normalisation).train()
    optimizer = torch.optim.AdamW(method.parameters(), lr=1e-4, fused=True)
    loader = BatchLoader(store, ("s1", "s2"), store.normalisation, torch.device("cpu"))
    augment = build_augment(case.augment, case.size_px)
    generator, rng = torch.Generator().manual_seed(0), np.random.default_rng(0)
    loading, steps = [], []
    for number in range(case.steps + 1):
        start = time.process_time()
        rows = rng.integers(0, len(store), case.batch)
        images = load_augmented(loader, rows, augment, generator)
        loaded = time.process_time()
        optimizer.zero_grad(set_to_none=True)
        method.training_loss(images).backward()  # type: ignore[operator]
        optimizer.step()
        if number:
            loading.append(loaded - start)
            steps.append(time.process_time() - start)
    share = median(loading) / median(steps)
    return row(
        f"loading and augmentation in a pre-training step, {name}",
        100 * share,
        "% of the step",
        spread=spread(loading),
        goal="< 5 %",
        met=share < 0.05,
        note=f"{case.architecture} of width {case.width}, {case.batch} pairs of "
        f"{case.size_px} px, {case.augment}, float32",
    )
