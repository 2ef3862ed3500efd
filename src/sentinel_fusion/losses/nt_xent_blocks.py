"""NT-Xent block by block, with its own gradient; ``losses.nt_xent`` picks the form."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import accumulate
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

KEPT_ENTRIES = 2**24
"""Most exponentials that are kept between sums and gradient, not computed anew."""
_CPU_BLOCK_ROWS = 256
_DEVICE_BLOCK_ROWS = 1024


def _block_rows(u: Tensor) -> int:
    return _CPU_BLOCK_ROWS if u.device.type == "cpu" else _DEVICE_BLOCK_ROWS


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
        rows = _block_rows(u)
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


class _BringsGradient(torch.autograd.Function):
    """What was computed and saved with the loss is its gradient."""

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, upstream: Tensor) -> tuple[Tensor | None, ...]:  # noqa: ANN401
        """Gradient by the vectors.

        Args:
            ctx: What ``forward`` kept.
            upstream: Gradient by the loss.

        Returns:
            The gradient, and None for each option.
        """
        (gradient,) = ctx.saved_tensors
        options = [None] * (len(ctx.needs_input_grad) - 1)
        return gradient * upstream, *options


class SymmetricNTXent(_BringsGradient):
    """The loss and its gradient, computed while the exponentials are there."""

    @staticmethod
    def forward(ctx: Any, u: Tensor, temperature: float, across: bool) -> Tensor:  # noqa: ANN401
        """Loss and gradient.

        Args:
            ctx: Keeps the gradient.
            u: Unit vectors of both views.
            temperature: Divisor of the similarities.
            across: Whether only vectors of the other view are candidates.

        Returns:
            Mean over all vectors.
        """
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


class NTXentByAnchors(_BringsGradient):
    """The loss and its gradient: a block has all of its anchors' candidates."""

    @staticmethod
    def forward(
        ctx: Any,  # noqa: ANN401
        u: Tensor,
        temperature: float,
        across: bool,
        start: int,
        stop: int,
    ) -> Tensor:
        """Loss and gradient.

        Args:
            ctx: Keeps the gradient.
            u: Unit vectors of both views.
            temperature: Divisor of the similarities.
            across: Whether only vectors of the other view are candidates.
            start: First pair whose vectors are anchors.
            stop: The pair after the last.

        Returns:
            Mean over the anchors.
        """
        half, anchors = len(u) // 2, 2 * (stop - start)
        total, gradient = u.new_zeros(()), torch.zeros_like(u)
        for view in (0, 1):
            own, other = view * half, (1 - view) * half
            among = slice(other, other + half) if across else slice(0, len(u))
            for first in range(start, stop, _block_rows(u)):
                last = min(first + _block_rows(u), stop)
                block = slice(own + first, own + last)
                positive = slice(other + first, other + last)
                values = (u[block] / temperature) @ u[among].T
                if not across:
                    values[:, block].diagonal().fill_(-torch.inf)
                values.sub_(values.amax(dim=1, keepdim=True))
                there = slice(positive.start - among.start, positive.stop - among.start)
                total -= values[:, there].diagonal().sum()
                sums = values.exp_().sum(dim=1, keepdim=True)
                total += sums.log().sum()
                if ctx.needs_input_grad[0]:
                    weights = values.div_(sums)
                    gradient[block].addmm_(weights, u[among]).sub_(u[positive])
                    gradient[among].addmm_(weights.T, u[block])
                    gradient[positive].sub_(u[block])
        ctx.save_for_backward(gradient.div_(anchors * temperature))
        return total / anchors
