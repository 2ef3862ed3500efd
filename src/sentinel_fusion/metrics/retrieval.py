"""Cross-sensor retrieval: does a tile's radar vector find its optical one?"""

from dataclasses import dataclass

import torch
from jaxtyping import Float, Int64
from torch import Tensor
from torch.nn import functional as F

_BLOCK_ROWS = 1024
"""Queries compared at a time: memory grows with the number of tiles, not its square."""


@dataclass(frozen=True)
class Retrieval:
    """Where every query's own partner stands among all candidates, most similar first.

    Equal similarities are broken at random, in expectation: collapsed vectors, which
    are all alike, retrieve by chance.

    Args:
        better: Candidates more similar to the query than its partner.
        equal: Candidates just as similar, the partner among them.
    """

    better: Int64[Tensor, " queries"]
    equal: Int64[Tensor, " queries"]

    def top_k(self, k: int) -> float:
        """Share of queries whose partner is among the ``k`` most similar candidates.

        Args:
            k: Number of candidates looked at, >= 1.

        Returns:
            A share, 0..1; chance is k / candidates.
        """
        return float(((k - self.better) / self.equal).clamp(0, 1).mean())

    def median_rank(self) -> float:
        """Middle rank of the partner over all queries.

        Returns:
            1 where at least half of the queries find their partner first; chance is
            (candidates + 1) / 2.
        """
        ranks = self.better + (self.equal + 1) / 2
        return float(ranks.double().quantile(0.5))


def retrieve(
    queries: Float[Tensor, "tiles dim"], candidates: Float[Tensor, "tiles dim"]
) -> Retrieval:
    """Rank the candidates of every query by cosine similarity.

    Args:
        queries: Projections of one sensor; row i pairs with row i of ``candidates``.
        candidates: Projections of the other sensor.

    Returns:
        Where the partners stand.
    """
    queries = F.normalize(queries.float(), dim=1)
    candidates = F.normalize(candidates.float(), dim=1)
    better, equal = [], []
    for start in range(0, len(queries), _BLOCK_ROWS):
        similarity = queries[start : start + _BLOCK_ROWS] @ candidates.T
        own = similarity.diagonal(start)[:, None]
        better.append((similarity > own).sum(dim=1))
        equal.append((similarity == own).sum(dim=1))
    return Retrieval(torch.cat(better), torch.cat(equal))
