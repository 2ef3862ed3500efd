"""Signs that a contrastive training has collapsed."""

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional as F


def spread(z: Float[Tensor, "tiles dim"]) -> float:
    """Mean over dimensions of the deviation of L2-normalised vectors, times sqrt(dim).

    Args:
        z: Projections of one sensor; over both together two constant vectors would look
            spread.

    Returns:
        1 for random vectors around 0, 0 where all vectors coincide.

    Source: Chen and He 2021, arXiv 2011.10566, figure 2, whose floor of 1 / sqrt(dim)
        is 1 here.
    """
    deviation = F.normalize(z.float(), dim=1).std(dim=0, correction=0).mean()
    return float(deviation * torch.tensor(z.shape[1]).sqrt())


def is_collapsed(
    measured_spread: float, rank: float, *, min_spread: float, min_rank: float
) -> bool:
    """Whether projections have fallen onto a point, or onto too few directions.

    Args:
        measured_spread: What ``spread`` gives of them.
        rank: Their effective rank.
        min_spread: Below it the collapse is complete (Chen and He 2021, arXiv
            2011.10566).
        min_rank: Below it the collapse is dimensional (Jing et al. 2022, arXiv
            2110.09348).

    Returns:
        True for either.
    """
    return measured_spread < min_spread or rank < min_rank
