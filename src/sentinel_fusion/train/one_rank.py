"""What pre-training asks of its process, for one that trains alone."""

from collections.abc import Callable, Mapping
from typing import TypeVar

import torch
from torch import Tensor, nn

from sentinel_fusion.data.loader import Batch
from sentinel_fusion.data.part import WHOLE, Part

T = TypeVar("T")


class OneRank:
    """A process that trains alone.

    Attributes:
        part: Which part of every batch it gets.
        device: Where it trains.
    """

    def __init__(self, device: torch.device, part: Part = WHOLE) -> None:
        """Say where.

        Args:
            device: Where to train.
            part: Which part of every batch it gets.
        """
        self.device = device
        self.part = part

    @property
    def is_first(self) -> bool:
        """Whether this rank logs and writes."""
        return self.part.number == 0

    def prepare(self, method: nn.Module, *, in_parts: bool) -> nn.Module:
        """Bring a method to the device.

        Args:
            method: Method; its parameters stay the same objects.
            in_parts: Whether ``pair_loss`` and ``average_gradients`` are used instead
                of ``training_loss`` and ``backward``.

        Returns:
            The method, to be trained.
        """
        del in_parts
        return method.to(self.device)

    def training_loss(self, method: nn.Module, images: Batch) -> Tensor:
        """Loss of a batch.

        Args:
            method: Method as ``prepare`` gave it.
            images: This rank's part.

        Returns:
            A loss whose gradients, averaged over ranks, are the batch's; so is its
            mean.
        """
        loss: Tensor = method.training_loss(images)  # type: ignore[operator]
        return loss

    def pair_loss(self, method: nn.Module) -> Callable[[Tensor, Tensor], Tensor]:
        """Loss of what a method's ``encode_pairs`` gave.

        Args:
            method: Method as ``prepare`` gave it.

        Returns:
            Takes both views of this rank's part; gives a loss as ``training_loss``.
        """
        loss: Callable[[Tensor, Tensor], Tensor] = method.pair_loss  # type: ignore[assignment]
        return loss

    def backward(self, loss: Tensor) -> None:
        """Add the gradients of ``training_loss``, averaged over ranks.

        Args:
            loss: What it gave.
        """
        loss.backward()  # type: ignore[no-untyped-call]

    def average_gradients(self, method: nn.Module) -> None:
        """Average gradients that were not added by ``backward``.

        Args:
            method: Method as ``prepare`` gave it.
        """

    def mean(self, value: Tensor) -> Tensor:
        """Mean over ranks.

        Args:
            value: This rank's.

        Returns:
            The same on every rank.
        """
        return value

    def share(self, make: Callable[[], T]) -> T:
        """What the first rank makes, for all.

        Args:
            make: Called by the first rank.

        Returns:
            The same on every rank.
        """
        return make()

    def merge(self, own: Mapping[int, T]) -> dict[int, T]:
        """What every rank has, for all.

        Args:
            own: Number -> this rank's; no two ranks have the same number.

        Returns:
            The same on every rank, by ascending number; tensors on the CPU where there
            is more than one rank.
        """
        return dict(sorted(own.items()))
