"""How good a pre-trained method's vectors are, with and without labels."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Integer
from torch import Tensor, nn

from sentinel_fusion.data.loader import BatchLoader
from sentinel_fusion.metrics.effective_rank import effective_rank
from sentinel_fusion.metrics.neighbours import knn_accuracy
from sentinel_fusion.metrics.retrieval import retrieve
from sentinel_fusion.metrics.uniformity import alignment, uniformity
from sentinel_fusion.models.fusion import FusedEncoder
from sentinel_fusion.train.passes import encode_tiles
from sentinel_fusion.train.watch import project_tiles

VIEWS = ("view1", "view2")
"""What takes the place of the sensors where a method compares views of one."""
Measures = dict[str, float]
Rows = Integer[np.ndarray, " tiles"]


@dataclass(frozen=True)
class Probe:
    """Labelled tiles of a k-NN probe.

    Args:
        loader: Reads them.
        classes: Class of every tile of the store.
        train_rows: Tiles whose classes are known.
        val_rows: Tiles of other places whose classes are asked for; never test tiles.
        neighbours: Tiles that vote.
    """

    loader: BatchLoader
    classes: Integer[np.ndarray, " stored"]
    train_rows: Rows
    val_rows: Rows
    neighbours: int


@dataclass(frozen=True)
class Watched:
    """Unlabelled tiles that a pre-training was watched on.

    Args:
        loader: Reads them.
        rows: Tiles of places that were not trained on.
        precision: "float32" or "bfloat16".
    """

    loader: BatchLoader
    rows: Rows
    precision: str


def diagnose(method: nn.Module, watched: Watched, probe: Probe) -> Measures:
    """Measures of a method's projections and of its encoder's features.

    Args:
        method: Method with ``project`` and ``encoder``; left in evaluation mode.
        watched: Unlabelled tiles.
        probe: Labelled tiles.

    Returns:
        "alignment", "uniformity" (mean of both sensors) and, by direction,
        "retrieval_<from>_<to>_top1", "_top5" and "_median_rank" of the projections;
        "effective_rank" of the features; "knn_accuracy".
    """
    encoder = method.get_submodule("encoder")
    assert isinstance(encoder, FusedEncoder)
    z1, z2 = project_tiles(
        method, watched.loader, watched.rows, precision=watched.precision
    )

    def encode(loader: BatchLoader, rows: Rows) -> Tensor:
        return encode_tiles(encoder, loader, rows, precision=watched.precision)

    known, asked = (
        encode(probe.loader, rows).cpu().numpy()
        for rows in (probe.train_rows, probe.val_rows)
    )
    return {
        "alignment": alignment(z1, z2),
        "uniformity": (uniformity(z1) + uniformity(z2)) / 2,
        "effective_rank": effective_rank(encode(watched.loader, watched.rows)),
        **_retrieval(z1, z2, direction_names(encoder)),
        "knn_accuracy": knn_accuracy(
            known,
            probe.classes[probe.train_rows],
            asked,
            probe.classes[probe.val_rows],
            neighbours=probe.neighbours,
        ),
    }


def direction_names(encoder: FusedEncoder) -> tuple[str, str]:
    """What a method's two projections are of.

    Args:
        encoder: The method's encoder.

    Returns:
        Its sensors where each has an encoder of its own, else ``VIEWS``.
    """
    if len(encoder.encoders) == len(VIEWS):
        first, second = encoder.inputs
        return first, second
    return VIEWS


def _retrieval(
    z1: Float[Tensor, "tiles dim"],
    z2: Float[Tensor, "tiles dim"],
    names: tuple[str, str],
) -> Measures:
    measures: Measures = {}
    first, second = names
    for name, found in (
        (f"retrieval_{first}_{second}", retrieve(z1, z2)),
        (f"retrieval_{second}_{first}", retrieve(z2, z1)),
    ):
        measures |= {
            f"{name}_top1": found.top_k(1),
            f"{name}_top5": found.top_k(5),
            f"{name}_median_rank": found.median_rank(),
        }
    return measures
