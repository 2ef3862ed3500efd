"""Alignment and uniformity of paired vectors on the unit sphere.

Source: Wang and Isola 2020, arXiv 2005.10242, equations 3 and 4 with their alpha = 2
    and t = 2.
"""

import math

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional as F

_T = 2
_BLOCK_ROWS = 1024


def alignment(z1: Float[Tensor, "tiles dim"], z2: Float[Tensor, "tiles dim"]) -> float:
    """Mean squared distance between the two vectors of a tile.

    Args:
        z1: Projections of the first sensor; row i pairs with row i of ``z2``.
        z2: Projections of the second sensor.

    Returns:
        0 where partners coincide, 2 for random vectors of many dimensions, at most 4;
        lower is better.
    """
    first, second = (F.normalize(z.float(), dim=1) for z in (z1, z2))
    return float((first - second).square().sum(dim=1).mean())


def uniformity(z: Float[Tensor, "tiles dim"]) -> float:
    """Logarithm of the mean Gaussian potential of all pairs of different tiles.

    Args:
        z: Projections of one sensor, of at least two tiles.

    Returns:
        0 where all vectors coincide, -4 for random vectors of many dimensions; lower
        is better.
    """
    unit = F.normalize(z.double(), dim=1)
    total = 0.0
    for start in range(0, len(unit), _BLOCK_ROWS):
        cosine = unit[start : start + _BLOCK_ROWS] @ unit.T
        potential = torch.exp(2 * _T * (cosine - 1))  # |a - b|^2 = 2 - 2 a.b
        total += float(potential.sum() - potential.diagonal(start).sum())
    return math.log(total / (len(unit) * (len(unit) - 1)))
