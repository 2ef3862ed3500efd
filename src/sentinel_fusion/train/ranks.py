"""Processes that train one method together, through Lightning Fabric.

Every process, a rank, gets an equal part of every batch. What comes out does not depend
on how many there are: batch normalisation, drop-path, random views and augmentation
work on, or are drawn for, the whole batch, and its tiles are compared across ranks.
"""

import os
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, TypeVar

import torch
from torch import Tensor, nn

from sentinel_fusion.data.loader import Batch
from sentinel_fusion.data.part import WHOLE, Part

if TYPE_CHECKING:
    from lightning_fabric import Fabric

RANKS = "PRETRAIN_RANKS"
"""Environment variable: processes to start on this machine."""
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
        """
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


def join_ranks(device: torch.device) -> OneRank:
    """Start or join the processes that were asked for.

    That is by ``torchrun``, by Slurm's ``srun``, or by the variable ``PRETRAIN_RANKS``,
    a number of processes on this machine, which start here. Lightning Fabric is not
    imported where there is one process.

    Args:
        device: Kind of device; on CUDA every process of a machine takes another one.

    Returns:
        This process's place among them.

    Raises:
        ValueError: If ``PRETRAIN_RANKS`` is no whole number >= 1.
    """
    environ = os.environ
    if torch.distributed.is_torchelastic_launched():
        machines = int(environ["WORLD_SIZE"]) // int(environ["LOCAL_WORLD_SIZE"])
        return _launch(device, int(environ["LOCAL_WORLD_SIZE"]), machines)
    tasks = int(environ.get("SLURM_STEP_NUM_TASKS", "1"))
    if tasks > 1:
        machines = int(environ["SLURM_NNODES"])
        return _launch(device, tasks // machines, machines)
    wanted = environ.get(RANKS, "1")
    if not wanted.isdecimal() or int(wanted) < 1:
        raise ValueError(f"{RANKS} must be a whole number >= 1, got {wanted!r}")
    return _launch(device, int(wanted), 1, start_here=True)


def _launch(
    device: torch.device, on_a_machine: int, machines: int, *, start_here: bool = False
) -> OneRank:
    if on_a_machine * machines == 1:
        return OneRank(device)
    from lightning_fabric import Fabric
    from lightning_fabric.plugins.environments.lightning import LightningEnvironment
    from lightning_fabric.strategies.ddp import DDPStrategy

    fabric = Fabric(
        accelerator=device.type,
        devices=on_a_machine,
        num_nodes=machines,
        strategy=DDPStrategy(broadcast_buffers=False, gradient_as_bucket_view=True),
        plugins=LightningEnvironment() if start_here else None,
    )
    fabric.launch()
    return ManyRanks(fabric)
