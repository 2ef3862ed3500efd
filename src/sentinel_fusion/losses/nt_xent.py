"""NT-Xent, the normalised temperature-scaled cross-entropy of SimCLR.

Two forms of the same number. The plain one holds the similarity matrix, a row an
anchor. The symmetric one computes each similarity once, for both of its vectors, works
block by block and brings its own gradient: faster from some hundred vectors on, and its
memory grows with the batch, not with its square.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import accumulate
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor
from torch.autograd.function import once_differentiable
from torch.nn import functional as F

NEGATIVES = ("both", "other")
PLAIN_VECTORS = 256
"""Most vectors, two a pair, for which the plain form is taken."""
COOLEST = 0.025
"""Lowest temperature of the symmetric form: all its exponentials share one offset, and
exp(-2 / temperature) must be a normal float32."""
KEPT_ENTRIES = 2**24
"""Most exponentials that are kept between sums and gradient, not computed anew."""
_CPU_BLOCK_ROWS = 256
_DEVICE_BLOCK_ROWS = 1024


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

    The rows are L2-normalised here. Computed in float32 whatever the autocast. Large
    batches take ``symmetric_nt_xent``, others ``plain_nt_xent``; they agree to 1e-5.

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
    is_small = 2 * len(z1) <= PLAIN_VECTORS
    with torch.autocast(z1.device.type, enabled=False):
        u1 = F.normalize(z1.float(), dim=1)
        u2 = F.normalize(z2.float(), dim=1)
        if is_small or rows is not None or temperature < COOLEST:
            return plain_nt_xent(
                u1,
                u2,
                temperature=temperature,
                negatives=negatives,
                rows=rows or slice(None),
            )
        return symmetric_nt_xent(u1, u2, temperature=temperature, negatives=negatives)


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
    loss: Tensor = _SymmetricNTXent.apply(  # type: ignore[no-untyped-call]
        torch.cat([u1, u2]), temperature, negatives == "other"
    )
    return loss


@dataclass(frozen=True)
class _Block:
    """Anchors from ``start`` to ``stop`` against the vectors from ``first`` on.

    The vectors from ``mirrored`` on have these anchors among their own negatives, and
    meet them in no other block.
    """

    start: int
    stop: int
    first: int
    mirrored: int


def _blocks(vectors: int, block_rows: int, *, across: bool) -> Iterator[_Block]:
    """The upper triangle of the similarities, or its part across the two views."""
    half = vectors // 2
    anchors = half if across else vectors
    for start in range(0, anchors, block_rows):
        stop = min(start + block_rows, anchors)
        first, mirrored = (half, half) if across else (start, stop)
        yield _Block(start, stop, first, mirrored)


class _Exponentials:
    """exp((s - 1) / temperature) of the blocks, kept where they are few."""

    def __init__(self, u: Tensor, temperature: float, *, across: bool) -> None:
        rows = _CPU_BLOCK_ROWS if u.device.type == "cpu" else _DEVICE_BLOCK_ROWS
        self._u = u
        self._scaled = u / temperature
        self._offset = torch.full((), -1 / temperature, device=u.device)
        self._across = across
        self.blocks = list(_blocks(len(u), rows, across=across))
        sizes = [(b.stop - b.start) * (len(u) - b.first) for b in self.blocks]
        self._is_kept = sum(sizes) <= KEPT_ENTRIES
        self._room = u.new_empty(sum(sizes) if self._is_kept else max(sizes))
        self._starts = [0] * len(sizes)
        if self._is_kept:
            self._starts = list(accumulate(sizes, initial=0))[:-1]

    def fresh(self, number: int) -> Tensor:
        """A block's exponentials; what is no negative and no positive is 0."""
        block = self.blocks[number]
        values = self._view(number)
        anchors = self._scaled[block.start : block.stop]
        torch.addmm(self._offset, anchors, self._u[block.first :].T, out=values).exp_()
        if not self._across:
            values.diagonal().zero_()  # anchors with themselves
        return values

    def again(self, number: int) -> Tensor:
        """The same, when ``fresh`` has been asked for all blocks; it may be changed."""
        return self._view(number) if self._is_kept else self.fresh(number)

    def _view(self, number: int) -> Tensor:
        block = self.blocks[number]
        shape = (block.stop - block.start, len(self._u) - block.first)
        start = self._starts[number]
        return self._room[start : start + shape[0] * shape[1]].view(shape)


class _SymmetricNTXent(torch.autograd.Function):
    """The loss and its gradient, computed while the exponentials are there."""

    @staticmethod
    def forward(ctx: Any, u: Tensor, temperature: float, across: bool) -> Tensor:  # noqa: ANN401
        exponentials = _Exponentials(u, temperature, across=across)
        sums = u.new_zeros(len(u))
        for number, block in enumerate(exponentials.blocks):
            values = exponentials.fresh(number)
            sums[block.start : block.stop] += values.sum(dim=1)
            sums[block.mirrored :] += values[:, block.mirrored - block.first :].sum(0)
        positive = u.roll(len(u) // 2, dims=0)
        alignment = (u * positive).sum(dim=1)
        if ctx.needs_input_grad[0]:
            gradient = _gradient(u, sums.reciprocal(), exponentials)
            gradient.sub_(positive, alpha=2).div_(len(u) * temperature)
            ctx.save_for_backward(gradient)
        return (sums.log() + (1 - alignment) / temperature).mean()

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, upstream: Tensor) -> tuple[Tensor, None, None]:  # noqa: ANN401
        (gradient,) = ctx.saved_tensors
        return gradient * upstream, None, None


def _gradient(
    u: Tensor, reciprocal_sums: Tensor, exponentials: _Exponentials
) -> Tensor:
    """Sum over j of exp(s_ij) (1 / l_i + 1 / l_j) u_j, a row a vector i."""
    gradient = torch.zeros_like(u)
    for number, block in enumerate(exponentials.blocks):
        anchors = slice(block.start, block.stop)
        weights = exponentials.again(number)
        weights.mul_(
            reciprocal_sums[anchors].unsqueeze(1) + reciprocal_sums[block.first :]
        )
        gradient[anchors].addmm_(weights, u[block.first :])
        mirrored = weights[:, block.mirrored - block.first :]
        gradient[block.mirrored :].addmm_(mirrored.T, u[anchors])
    return gradient
