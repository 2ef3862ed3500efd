"""Effective rank: over how many directions a set of vectors spreads."""

import torch
from jaxtyping import Float
from torch import Tensor

_BLOCK = 4096
"""Tiles, or numbers of a tile, that are held in double precision at a time."""


def effective_rank(vectors: Float[Tensor, "tiles dim"]) -> float:
    """Exponential of the entropy of the singular values, each a share of their sum.

    The vectors are not centred: where all are alike the rank is 1, whatever they are.

    Args:
        vectors: One row a tile.

    Returns:
        Between 1 and min(tiles, dim); 0 where every number is 0.

    Source: Roy and Vetterli 2007, EUSIPCO, definition 1; as a measure of
        self-supervised encoders "RankMe", Garrido et al. 2023, arXiv 2210.02885.
    """
    # the smaller of the two Gram matrices: its eigenvalues are the squares
    tall = vectors if vectors.shape[0] >= vectors.shape[1] else vectors.T
    gram = vectors.new_zeros(tall.shape[1], tall.shape[1], dtype=torch.float64)
    for start in range(0, len(tall), _BLOCK):
        x = tall[start : start + _BLOCK].double()
        gram += x.T @ x
    singular = torch.linalg.eigvalsh(gram).clamp(min=0).sqrt()
    if not singular.any():
        return 0.0
    share = singular / singular.sum()
    return float(torch.special.entr(share).sum().exp())
