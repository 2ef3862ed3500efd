"""NT-Xent, the normalised temperature-scaled cross-entropy of SimCLR.

Three forms of the same number. The plain one holds the similarity matrix, a row an
anchor. The others work block by block and bring their own gradient, so that memory
grows with the batch, not with its square: the symmetric one computes each similarity
once, for both of its vectors; the one by anchors does so for some of the anchors, as
one of several processes has them, and at any temperature.
"""

from typing import TypedDict

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional as F

from sentinel_fusion.losses.nt_xent_blocks import NTXentByAnchors, SymmetricNTXent

NEGATIVES = ("both", "other")
PLAIN_VECTORS = 256
"""Most vectors, two a pair, for which the plain form is taken."""
COOLEST = 0.025
"""Lowest temperature of the symmetric form: all its exponentials share one offset, and
exp(-2 / temperature) must be a normal float32."""


class _Options(TypedDict):
    temperature: float
    negatives: str


def check_nt_xent_options(*, temperature: float, negatives: str) -> None:
    """Refuse options that ``nt_xent`` cannot work with.

    Args:
        temperature: Divisor of the cosine similarities.
        negatives: One of ``NEGATIVES``.

    Raises:
        ValueError: If the temperature is not positive or the negatives are unknown.
    """
    if not temperature > 0:
        raise ValueError(f"temperature must be > 0, got {temperature}")
    if negatives not in NEGATIVES:
        raise ValueError(
            f"negatives must be one of {', '.join(NEGATIVES)}, got {negatives!r}"
        )


def nt_xent(
    z1: Float[Tensor, "batch dim"],
    z2: Float[Tensor, "batch dim"],
    *,
    temperature: float,
    negatives: str,
    rows: slice | None = None,
) -> Float[Tensor, ""]:
    """NT-Xent of paired projections: row i of ``z1`` and row i of ``z2`` are positives.

    The rows are L2-normalised here. Computed in float32 whatever the autocast. Small
    batches take ``plain_nt_xent``, large ones ``symmetric_nt_xent``, or
    ``nt_xent_by_anchors`` for some of their anchors; they agree to 1e-5.

    Args:
        z1: Projections of the first view or sensor.
        z2: Projections of the second.
        temperature: Divisor of the cosine similarities, > 0.
        negatives: "both": all 2N - 2 other vectors, as published; "other": only the
            N - 1 vectors of the other view.
        rows: Pairs whose two vectors are anchors, all by default. Where ``z1`` and
            ``z2`` are gathered from several processes, each one's own pairs, as many
            as any other's: the mean over the processes is the loss of the whole batch,
            and no anchor is computed twice.

    Returns:
        Mean over the anchors.

    Raises:
        ValueError: If the shapes differ or there is no negative.

    Source: arXiv 2002.05709, equation 1 and algorithm 1; with one sensor a view,
        ISPRS Annals V-3-2022, 705, section 3.
    """
    if z1.shape != z2.shape or len(z1) < 2:
        raise ValueError(
            "z1 and z2 must have the same shape and at least 2 rows, got "
            f"{tuple(z1.shape)} and {tuple(z2.shape)}"
        )
    check_nt_xent_options(temperature=temperature, negatives=negatives)
    options: _Options = {"temperature": temperature, "negatives": negatives}
    with torch.autocast(z1.device.type, enabled=False):
        u1 = F.normalize(z1.float(), dim=1)
        u2 = F.normalize(z2.float(), dim=1)
        if 2 * len(z1) <= PLAIN_VECTORS:
            return plain_nt_xent(u1, u2, **options, rows=rows or slice(None))
        if rows is None and temperature >= COOLEST:
            return symmetric_nt_xent(u1, u2, **options)
        return nt_xent_by_anchors(u1, u2, **options, rows=rows or slice(None))


def plain_nt_xent(
    u1: Float[Tensor, "batch dim"],
    u2: Float[Tensor, "batch dim"],
    *,
    temperature: float,
    negatives: str,
    rows: slice,
) -> Float[Tensor, ""]:
    """NT-Xent as the cross-entropy of a similarity matrix, a row an anchor.

    Args:
        u1: Unit vectors of the first view.
        u2: Unit vectors of the second.
        temperature: Divisor of the similarities.
        negatives: One of ``NEGATIVES``.
        rows: Pairs whose two vectors are anchors.

    Returns:
        Mean over the anchors.
    """
    row = torch.arange(len(u1), device=u1.device)[rows]
    if negatives == "other":
        there = u1[rows] @ u2.T / temperature  # (rows, N)
        back = u2[rows] @ u1.T / temperature
        return (F.cross_entropy(there, row) + F.cross_entropy(back, row)) / 2
    itself = torch.cat([row, row + len(u1)])
    positive = torch.cat([row + len(u1), row])
    anchors = torch.cat([u1[rows], u2[rows]])
    similarity = anchors @ torch.cat([u1, u2]).T / temperature  # (2 rows, 2N)
    similarity = similarity.scatter(1, itself.unsqueeze(1), -torch.inf)
    return F.cross_entropy(similarity, positive)


def symmetric_nt_xent(
    u1: Float[Tensor, "batch dim"],
    u2: Float[Tensor, "batch dim"],
    *,
    temperature: float,
    negatives: str,
) -> Float[Tensor, ""]:
    """NT-Xent block by block, each similarity computed once for both its vectors.

    With l_i the sum of anchor i's exponentials, the gradient by vector i, but for its
    positive, is the sum over j of exp(s_ij) (1 / l_i + 1 / l_j) u_j / temperature.

    Args:
        u1: Unit vectors of the first view.
        u2: Unit vectors of the second.
        temperature: Divisor of the similarities, >= ``COOLEST``.
        negatives: One of ``NEGATIVES``.

    Returns:
        Mean over the 2N anchors; it can be differentiated once.
    """
    loss: Tensor = SymmetricNTXent.apply(  # type: ignore[no-untyped-call]
        torch.cat([u1, u2]), temperature, negatives == "other"
    )
    return loss


def nt_xent_by_anchors(
    u1: Float[Tensor, "batch dim"],
    u2: Float[Tensor, "batch dim"],
    *,
    temperature: float,
    negatives: str,
    rows: slice,
) -> Float[Tensor, ""]:
    """NT-Xent of some anchors, block by block, each against all its candidates at once.

    Args:
        u1: Unit vectors of the first view.
        u2: Unit vectors of the second.
        temperature: Divisor of the similarities.
        negatives: One of ``NEGATIVES``.
        rows: Pairs whose two vectors are anchors.

    Returns:
        Mean over the anchors; it can be differentiated once.
    """
    start, stop, _ = rows.indices(len(u1))
    loss: Tensor = NTXentByAnchors.apply(  # type: ignore[no-untyped-call]
        torch.cat([u1, u2]), temperature, negatives == "other", start, stop
    )
    return loss
