"""Layers that see the whole batch where every process holds a part of it."""

from collections.abc import Callable
from typing import Any

import torch
from jaxtyping import Float
from timm.layers.drop import DropPath, drop_path
from timm.layers.norm_act import convert_sync_batchnorm
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from sentinel_fusion.data.part import Part


class JointBatchNorm(nn.BatchNorm2d):
    """Batch normalisation over all processes, on a CPU, where PyTorch offers none.

    Every process must hold as many images as any other.
    """

    def forward(
        self, images: Float[Tensor, "batch channels height width"]
    ) -> Float[Tensor, "batch channels height width"]:
        """Normalise by the mean and the variance of all processes' images.

        Args:
            images: This process's part.

        Returns:
            Its normalised part.
        """
        if not self.training:
            return super().forward(images)
        mean = _mean_over_ranks(images.mean(dim=(0, 2, 3)))
        centred = images - mean[:, None, None]
        variance = _mean_over_ranks(centred.square().mean(dim=(0, 2, 3)))
        if self.track_running_stats:
            self._remember(mean, variance, images[:, 0].numel())
        scale = self.weight * (variance + self.eps).rsqrt()
        return centred * scale[:, None, None] + self.bias[:, None, None]

    @torch.no_grad()
    def _remember(self, mean: Tensor, variance: Tensor, here: int) -> None:
        assert self.running_mean is not None
        assert self.running_var is not None
        assert self.num_batches_tracked is not None
        assert self.momentum is not None
        pixels = here * torch.distributed.get_world_size()
        unbiased = variance * (pixels / (pixels - 1))
        self.running_mean.lerp_(mean, self.momentum)
        self.running_var.lerp_(unbiased, self.momentum)
        self.num_batches_tracked.add_(1)


class JointDropPath(DropPath):
    """Drop-path whose draws do not depend on the number of processes."""

    def __init__(self, layer: DropPath, part: Part, rows_a_tile: int) -> None:
        """Take over a layer's rate.

        Args:
            layer: Layer to replace.
            part: Which part of the batch this process holds.
            rows_a_tile: Rows of a tile in what the layer gets, a view after the other.
        """
        super().__init__(layer.drop_prob, layer.scale_by_keep)
        self._part = part
        self._rows_a_tile = rows_a_tile

    def forward(self, x: Tensor) -> Tensor:
        """Drop some rows' branches.

        Args:
            x: Branch of this process's rows, first axis.

        Returns:
            The branch, with rows of zeros.
        """
        if not self.training or self.drop_prob == 0:
            return x
        ones = x.new_ones(self._part.whole(len(x)), *(1 for _ in x.shape[1:]))
        kept = drop_path(ones, self.drop_prob, self.training, self.scale_by_keep)
        return x * self._part.cut(kept, self._rows_a_tile)


def join_layers(method: nn.Module, part: Part, device: torch.device) -> nn.Module:
    """Make layers that look at, or draw for, a batch do so for the whole one.

    Args:
        method: Method; its layers are replaced, parameters stay the same objects.
        part: Which part of the batch this process holds.
        device: Where it trains.

    Returns:
        The method.
    """
    rows_a_tile = getattr(method, "rows_a_tile", 1)
    joined = _replace(
        method, DropPath, lambda layer: JointDropPath(layer, part, rows_a_tile)
    )
    if device.type == "cuda":
        synchronised: nn.Module = convert_sync_batchnorm(joined)  # type: ignore[no-untyped-call]
        return synchronised
    return _replace(joined, _BatchNorm, _joint_batch_norm)


class _SumOverRanks(torch.autograd.Function):
    """Every rank's result holds every rank's values, and its gradient goes to all."""

    @staticmethod
    def forward(ctx: Any, values: Tensor) -> Tensor:  # noqa: ANN401
        total = values.clone()
        torch.distributed.all_reduce(total)
        return total

    @staticmethod
    def backward(ctx: Any, upstream: Tensor) -> Tensor:  # noqa: ANN401
        total = upstream.clone()
        torch.distributed.all_reduce(total)
        return total


def _mean_over_ranks(values: Tensor) -> Tensor:
    total: Tensor = _SumOverRanks.apply(values)  # type: ignore[no-untyped-call]
    return total / torch.distributed.get_world_size()


def _joint_batch_norm(layer: nn.Module) -> JointBatchNorm:
    if type(layer) is not nn.BatchNorm2d or not layer.affine:
        raise TypeError(
            "several processes on a CPU need nn.BatchNorm2d with weights, got "
            f"{type(layer).__name__}; train in one process"
        )
    joint = JointBatchNorm(layer.num_features, eps=layer.eps, momentum=layer.momentum)
    joint.weight, joint.bias = layer.weight, layer.bias
    for name, buffer in layer.named_buffers():
        setattr(joint, name, buffer)
    return joint.train(layer.training)


def _replace(
    module: nn.Module, kind: type[nn.Module], make: Callable[..., nn.Module]
) -> nn.Module:
    if isinstance(module, kind):
        return make(module)
    for name, child in module.named_children():
        setattr(module, name, _replace(child, kind, make))
    return module
