"""Cross-sensor retrieval: does a tile's radar vector find its optical one?"""

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional as F


def retrieval_top_k(
    z1: Float[Tensor, "tiles dim"], z2: Float[Tensor, "tiles dim"], k: int
) -> float:
    """Share of tiles whose other sensor is among the ``k`` most similar vectors.

    Args:
        z1: Projections of the first sensor; row i pairs with row i of ``z2``.
        z2: Projections of the second sensor.
        k: Number of neighbours looked at, >= 1.

    Returns:
        Mean over both directions; chance is k / tiles.
    """
    similarity = F.normalize(z1.float(), dim=1) @ F.normalize(z2.float(), dim=1).T
    own = similarity.diagonal()
    forward = (similarity > own[:, None]).sum(dim=1) < k
    backward = (similarity > own[None, :]).sum(dim=0) < k
    return float(torch.cat([forward, backward]).float().mean())


def feature_sd(z: Float[Tensor, "tiles dim"]) -> float:
    """Mean over dimensions of the deviation of L2-normalised vectors.

    Args:
        z: Projections.

    Returns:
        About 1 / sqrt(dim) for spread vectors; near 0 where they have collapsed.

    Source: Chen and He 2021, arXiv 2011.10566, figure 2.
    """
    return float(F.normalize(z.float(), dim=1).std(dim=0).mean())
