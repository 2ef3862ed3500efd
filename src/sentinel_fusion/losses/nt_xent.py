"""NT-Xent, the normalised temperature-scaled cross-entropy of SimCLR."""

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional as F

NEGATIVES = ("both", "other")


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
) -> Float[Tensor, ""]:
    """NT-Xent of paired projections: row i of ``z1`` and row i of ``z2`` are positives.

    The rows are L2-normalised here. Computed in float32 whatever the autocast.

    Args:
        z1: Projections of the first view or sensor.
        z2: Projections of the second.
        temperature: Divisor of the cosine similarities, > 0.
        negatives: "both": all 2N - 2 other vectors, as published; "other": only the
            N - 1 vectors of the other view.

    Returns:
        Mean over the 2N anchors.

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
    with torch.autocast(z1.device.type, enabled=False):
        u1 = F.normalize(z1.float(), dim=1)
        u2 = F.normalize(z2.float(), dim=1)
        row = torch.arange(len(z1), device=z1.device)
        if negatives == "other":
            similarity = u1 @ u2.T / temperature  # (N, N)
            return (
                F.cross_entropy(similarity, row) + F.cross_entropy(similarity.T, row)
            ) / 2
        u = torch.cat([u1, u2])
        similarity = u @ u.T / temperature  # (2N, 2N)
        itself = torch.eye(len(u), dtype=torch.bool, device=u.device)
        positive = torch.cat([row + len(z1), row])
        return F.cross_entropy(similarity.masked_fill(itself, -torch.inf), positive)
