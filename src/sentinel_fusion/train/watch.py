"""What is watched of a pre-training, on tiles of other places and without labels."""

import logging

import numpy as np
import torch
from jaxtyping import Float, Integer
from torch import Tensor, nn
from torch.nn import functional as F

from sentinel_fusion.data.loader import BatchLoader
from sentinel_fusion.metrics.collapse import is_collapsed, spread
from sentinel_fusion.metrics.effective_rank import effective_rank
from sentinel_fusion.metrics.retrieval import retrieve
from sentinel_fusion.train.device import autocast
from sentinel_fusion.train.one_rank import OneRank
from sentinel_fusion.train.passes import in_passes

_LOG = logging.getLogger(__name__)
Curve = list[dict[str, float]]
"""A row an epoch."""
REMEDY = (
    "lower pretrain.learning_rate, raise pretrain.warmup_steps or pretrain.batch_size, "
    "or change the temperature of the arm's method; README.md, Diagnostics"
)
"""What to try against a collapse."""


def project_tiles(
    method: nn.Module,
    loader: BatchLoader,
    rows: Integer[np.ndarray, " tiles"],
    *,
    precision: str,
    ranks: OneRank | None = None,
) -> tuple[Float[Tensor, "tiles dim"], Float[Tensor, "tiles dim"]]:
    """Projections of both sensors, or of two views, of some tiles.

    The views of a method that draws them start anew in every pass.

    Args:
        method: Method with ``project``; left in evaluation mode.
        loader: Reads the tiles.
        rows: Tile positions in the store.
        precision: "float32" or "bfloat16".
        ranks: Processes that deal the passes among themselves, none by default.

    Returns:
        Float32 projections on the method's device.

    Raises:
        FloatingPointError: If a projection is not finite.
    """
    method.eval()
    device = next(method.parameters()).device
    ranks = ranks or OneRank(device)
    projections: dict[int, tuple[Tensor, Tensor]] = {}
    with torch.no_grad(), autocast(device, precision):
        for number, some in enumerate(in_passes(rows)):
            if number % ranks.part.of == ranks.part.number:
                images = loader.load(some)
                projections[number] = method.project(images)  # type: ignore[operator]
    every = ranks.merge(projections).values()
    z1, z2 = (
        torch.cat([part.float() for part in parts]).to(device)
        for parts in zip(*every, strict=True)
    )
    if not (z1.isfinite().all() and z2.isfinite().all()):
        raise FloatingPointError(
            "projections of the watched tiles must be finite; lower "
            "pretrain.learning_rate"
        )
    return z1, z2


def watch(
    method: nn.Module,
    loader: BatchLoader,
    rows: Integer[np.ndarray, " tiles"],
    *,
    precision: str,
    ranks: OneRank | None = None,
) -> dict[str, float]:
    """Retrieval across sensors and the signs of a collapse.

    Args:
        method: Method with ``project``.
        loader: Reads the tiles.
        rows: Tiles to watch.
        precision: "float32" or "bfloat16".
        ranks: Processes that watch together, none by default.

    Returns:
        "retrieval_top1" and "retrieval_top5", means of both directions,
        "retrieval_chance" of the first, and of the sensor where they are smaller
        "spread" and "projection_rank", the effective rank of L2-normalised projections.
    """
    z = project_tiles(method, loader, rows, precision=precision, ranks=ranks)
    found = [retrieve(*z), retrieve(*reversed(z))]
    return {
        "retrieval_top1": sum(direction.top_k(1) for direction in found) / 2,
        "retrieval_top5": sum(direction.top_k(5) for direction in found) / 2,
        "retrieval_chance": 1 / len(rows),
        "spread": min(spread(part) for part in z),
        "projection_rank": min(effective_rank(F.normalize(part, dim=1)) for part in z),
    }


class CollapseAlarm:
    """Warns once when the projections collapse, with what to try."""

    def __init__(self, min_spread: float, min_rank: float, warmup_steps: int) -> None:
        """Set the limits.

        Args:
            min_spread: Smallest healthy spread, 0..1.
            min_rank: Smallest healthy effective rank of the projections.
            warmup_steps: Steps in which nothing is warned of: random weights look
                collapsed as well.
        """
        self._min_spread = min_spread
        self._min_rank = min_rank
        self._warmup_steps = warmup_steps

    def __call__(self, method: nn.Module, curve: Curve) -> None:
        """Warn if the last epoch collapsed and the one before had not.

        Args:
            method: Not looked at.
            curve: Rows of the epochs so far.
        """
        del method
        row = curve[-1]
        if not self._is_alarming(row) or any(map(self._is_alarming, curve[-2:-1])):
            return
        _LOG.warning(
            "epoch %d: the projections have collapsed, spread %.3g (healthy from %g), "
            "effective rank %.3g (healthy from %g): %s",
            row["epoch"],
            row["spread"],
            self._min_spread,
            row["projection_rank"],
            self._min_rank,
            REMEDY,
        )

    def _is_alarming(self, row: dict[str, float]) -> bool:
        return row["step"] > self._warmup_steps and is_collapsed(
            row["spread"],
            row["projection_rank"],
            min_spread=self._min_spread,
            min_rank=self._min_rank,
        )
