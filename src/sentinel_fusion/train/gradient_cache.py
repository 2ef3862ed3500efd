"""Gradient caching: a large contrastive batch in the memory of a small one.

The networks run twice over parts of the batch: first without gradients, to know what
the loss compares; then backwards, from the loss's gradients by that. It costs one more
forward pass.

Source: Gao, Zhang, Han, Callan 2021, arXiv 2101.06983, section 3.2.
"""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from sentinel_fusion.data.loader import Batch

Precision = Callable[[], AbstractContextManager[object]]
"""Makes the context that forward passes run in."""
PairLoss = Callable[[Tensor, Tensor], Tensor]
"""Loss of what ``encode_pairs`` gave."""


@runtime_checkable
class PairMethod(Protocol):
    """What a method offers whose loss compares the tiles of a batch."""

    def encode_pairs(self, images: Batch) -> tuple[Tensor, Tensor]:
        """What the loss compares, a row a tile."""
        ...

    def pair_loss(
        self, first: Tensor, second: Tensor, rows: slice | None = None
    ) -> Tensor:
        """Loss of the pairs of a batch, or of some of them among all."""
        ...


def no_pairs_message(method: nn.Module, wanted_by: str, remedy: str) -> str:
    """Says that a method does not say what its loss compares.

    Args:
        method: Method that is no ``PairMethod``.
        wanted_by: What needs one.
        remedy: What to do instead.

    Returns:
        Text of a ``TypeError``.
    """
    return (
        f"{wanted_by} needs a method with encode_pairs and pair_loss, got "
        f"{type(method).__name__}; {remedy}"
    )


def cached_backward(
    method: nn.Module,
    images: Batch,
    *,
    micro_batch: int,
    precision: Precision,
    pair_loss: PairLoss | None = None,
) -> Tensor:
    """Add a batch's gradients to the parameters, running the networks on parts of it.

    The gradients are those of the whole batch where the networks take each tile by
    itself. Batch normalisation does not: it works over the tiles of a part. Random
    views and drop-path draw the same in both passes, and running statistics move once.

    Args:
        method: Method with ``encode_pairs`` and ``pair_loss``.
        images: Sensor -> normalised images of the batch.
        micro_batch: Most tiles of a part; parts are of nearly equal size.
        precision: Context of forward passes.
        pair_loss: Compares the batch with what other processes hold; the method's
            by default.

    Returns:
        Loss of the whole batch, detached.

    Raises:
        TypeError: If the method does not say what its loss compares.
    """
    if not isinstance(method, PairMethod):
        raise TypeError(no_pairs_message(method, "pretrain.micro_batch", "set it to 0"))
    device = next(iter(images.values())).device
    parts = _parts(images, micro_batch)
    draws, encoded = [], []
    with torch.no_grad(), precision():
        for part in parts:
            draws.append(_Draws.now(device))
            encoded.append(method.encode_pairs(part))
    after = _Draws.now(device)
    first, second = (torch.cat(x).requires_grad_() for x in zip(*encoded, strict=True))
    with precision():
        loss = (pair_loss or method.pair_loss)(first, second)
    sizes = [len(x) for x, _ in encoded]
    gradients = [x.split(sizes) for x in torch.autograd.grad(loss, (first, second))]  # type: ignore[no-untyped-call]
    with _still_statistics(method):
        for part, drawn, *wanted in zip(parts, draws, *gradients, strict=True):
            drawn.restore()
            with precision():
                pair = method.encode_pairs(part)
            torch.autograd.backward(pair, wanted)
    after.restore()
    return loss.detach()


def _parts(images: Batch, micro_batch: int) -> list[Batch]:
    tiles = len(next(iter(images.values())))
    count = -(-tiles // micro_batch)
    split = [x.tensor_split(count) for x in images.values()]
    return [dict(zip(images, part, strict=True)) for part in zip(*split, strict=True)]


@dataclass(frozen=True)
class _Draws:
    """State of torch's global generators: the CPU's, and the accelerator's if any."""

    cpu: Tensor
    accelerator: Tensor | None
    device: torch.device

    @staticmethod
    def now(device: torch.device) -> "_Draws":
        is_cuda = device.type == "cuda"
        accelerator = torch.cuda.get_rng_state(device) if is_cuda else None
        return _Draws(torch.get_rng_state(), accelerator, device)

    def restore(self) -> None:
        torch.set_rng_state(self.cpu)
        if self.accelerator is not None:
            torch.cuda.set_rng_state(self.accelerator, self.device)


@contextmanager
def _still_statistics(method: nn.Module) -> Iterator[None]:
    """Batch statistics are used as in training, but running ones stay as they are."""
    norms = [module for module in method.modules() if isinstance(module, _BatchNorm)]
    layers = [norm for norm in norms if norm.track_running_stats]
    for layer in layers:
        layer.track_running_stats = False
    try:
        yield
    finally:
        for layer in layers:
            layer.track_running_stats = True
