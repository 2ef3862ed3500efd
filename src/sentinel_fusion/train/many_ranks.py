"""Processes that train one method together, through Lightning Fabric.

Every process, a rank, gets an equal part of every batch. What comes out does not depend
on how many there are: batch normalisation, drop-path, random views and augmentation
work on, or are drawn for, the whole batch, and its tiles are compared across ranks.
"""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, TypeVar

import torch
from torch import Tensor, nn

from sentinel_fusion.data.loader import Batch
from sentinel_fusion.data.part import Part
from sentinel_fusion.train.gradient_cache import PairMethod, no_pairs_message
from sentinel_fusion.train.one_rank import OneRank

if TYPE_CHECKING:
    from lightning_fabric import Fabric

T = TypeVar("T")


class ManyRanks(OneRank):
    """One of several processes."""

    def __init__(self, fabric: "Fabric") -> None:
        """Join them.

        Args:
            fabric: Launched.
        """
        super().__init__(fabric.device, Part(fabric.global_rank, fabric.world_size))
        self._fabric = fabric
        self._synchronised: Any = None

    def prepare(self, method: nn.Module, *, in_parts: bool) -> nn.Module:
        """Bring a method to the device, its layers joined over the ranks.

        Args:
            method: Method; its parameters stay the same objects.
            in_parts: See ``OneRank.prepare``.

        Returns:
            The method, to be trained.

        Raises:
            TypeError: If the method does not say what its loss compares.
        """
        if not isinstance(method, PairMethod):
            wanted_by = f"pre-training on {self.part.of} processes"
            raise TypeError(no_pairs_message(method, wanted_by, "train it on one"))
        # imported here for the sake of a stage's start: it brings timm along
        from sentinel_fusion.train.joint_layers import join_layers

        method = join_layers(method.to(self.device), self.part, self.device)
        if hasattr(method, "part"):
            method.part = self.part  # type: ignore[assignment]
        if not in_parts:
            self._synchronised = self._fabric.setup_module(method)
            self._synchronised.mark_forward_method("encode_pairs")
        return method

    def training_loss(self, method: nn.Module, images: Batch) -> Tensor:
        """Loss of this rank's anchors among the tiles of all ranks.

        Args:
            method: Method as ``prepare`` gave it.
            images: This rank's part.

        Returns:
            See ``OneRank.training_loss``.
        """
        return self.pair_loss(method)(*self._synchronised.encode_pairs(images))

    def pair_loss(self, method: nn.Module) -> Callable[[Tensor, Tensor], Tensor]:
        """Loss of this rank's anchors among the tiles of all ranks.

        The gradient by a tile's vector is the sum over ranks, as each has anchors that
        are compared with it; averaging the parameters' then gives the batch's.

        Args:
            method: Method as ``prepare`` gave it.

        Returns:
            See ``OneRank.pair_loss``.
        """

        def loss(first: Tensor, second: Tensor) -> Tensor:
            start = self.part.number * len(first)
            rows = slice(start, start + len(first))
            gathered = (self._gather(first), self._gather(second))
            value: Tensor = method.pair_loss(*gathered, rows)  # type: ignore[operator]
            return value

        return loss

    def backward(self, loss: Tensor) -> None:
        """Add the gradients, averaged over ranks while they are computed.

        Args:
            loss: What ``training_loss`` gave.
        """
        self._fabric.backward(loss)

    def average_gradients(self, method: nn.Module) -> None:
        """Average gradients that were not added by ``backward``.

        Args:
            method: Method as ``prepare`` gave it.
        """
        for parameter in method.parameters():
            if parameter.grad is not None:
                self._fabric.all_reduce(parameter.grad)  # in place

    def mean(self, value: Tensor) -> Tensor:
        """Mean over ranks.

        Args:
            value: This rank's.

        Returns:
            The same on every rank.
        """
        mean: Tensor = self._fabric.all_reduce(value.clone())  # type: ignore[assignment]
        return mean

    def share(self, make: Callable[[], T]) -> T:
        """What the first rank makes, for all.

        Args:
            make: Called by the first rank.

        Returns:
            The same on every rank.
        """
        return self._fabric.broadcast(make() if self.is_first else None)  # type: ignore[return-value]

    def merge(self, own: Mapping[int, T]) -> dict[int, T]:
        """What every rank has, for all.

        Args:
            own: Number -> this rank's.

        Returns:
            See ``OneRank.merge``.
        """
        from lightning_fabric.utilities import move_data_to_device

        every: list[Any] = [None] * self.part.of
        portable = move_data_to_device(dict(own), torch.device("cpu"))
        torch.distributed.all_gather_object(every, portable)
        return dict(sorted(item for some in every for item in some.items()))

    def _gather(self, vectors: Tensor) -> Tensor:
        gathered: Tensor = self._fabric.all_gather(vectors, sync_grads=True)  # type: ignore[assignment]
        return gathered.flatten(0, 1)
