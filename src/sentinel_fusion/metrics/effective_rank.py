"""Effective rank: over how many directions a set of vectors spreads."""

import torch
from jaxtyping import Float
from torch import Tensor


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
    x = vectors.double()
    # the smaller of the two Gram matrices: its eigenvalues are the squares
    gram = x.T @ x if x.shape[0] >= x.shape[1] else x @ x.T
    singular = torch.linalg.eigvalsh(gram).clamp(min=0).sqrt()
    if not singular.any():
        return 0.0
    share = singular / singular.sum()
    return float(torch.special.entr(share).sum().exp())
