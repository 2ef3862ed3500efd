"""The pre-training loop: plain PyTorch, resumable after every epoch.

It reads the same for one process and for many: ``ranks`` is where they differ.
"""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Protocol, runtime_checkable

import numpy as np
import torch
from torch import Tensor, nn
from tqdm import tqdm

from sentinel_fusion.data.loader import Batch
from sentinel_fusion.train.batches import Rows, in_turn
from sentinel_fusion.train.checkpoint import Checkpoints, State
from sentinel_fusion.train.cost import forward_gflops
from sentinel_fusion.train.device import autocast, compile_networks
from sentinel_fusion.train.gradient_cache import PairMethod, cached_backward
from sentinel_fusion.train.late_check import LateCheck
from sentinel_fusion.train.one_rank import OneRank
from sentinel_fusion.train.optim import cosine_schedule
from sentinel_fusion.train.passes import TILES_A_PASS
from sentinel_fusion.train.pretrain_data import PretrainData
from sentinel_fusion.train.watch import Curve, watch

_LOG = logging.getLogger(__name__)
_STATE = "pretrain"
Observer = Callable[[nn.Module, Curve], None]
"""Called with the method and the curve so far after every epoch."""


@runtime_checkable
class Method(Protocol):
    """What every trained method built by ``methods/<name>.py`` offers."""

    def training_loss(self, images: Batch) -> Tensor:
        """Loss of a batch."""
        ...

    def project(self, images: Batch) -> tuple[Tensor, Tensor]:
        """Projections of the two views of a batch."""
        ...


@dataclass(frozen=True)
class PretrainSettings:
    """Budget and optimisation of a pre-training.

    Args:
        epochs: Passes over the training tiles.
        batch_size: Tiles a step, over all processes; cut to the number of tiles where
            there are fewer.
        micro_batch: Most tiles that the networks see at once, by gradient caching; 0
            for all of a step's.
        learning_rate: Peak rate of AdamW.
        weight_decay: Decoupled weight decay.
        warmup_steps: Steps of linear warm-up.
        seed: Seed of order and augmentation.
        precision: "float32" or "bfloat16".
        compile: "auto" compiles the networks on CUDA, "off" never does.
    """

    epochs: int
    batch_size: int
    micro_batch: int
    learning_rate: float
    weight_decay: float
    warmup_steps: int
    seed: int
    precision: str
    compile: str


def pretrain(
    method: nn.Module,
    data: PretrainData,
    settings: PretrainSettings,
    ranks: OneRank,
    checkpoints: Checkpoints,
    observers: Sequence[Observer] = (),
) -> Curve:
    """Train a method in place.

    Every epoch draws its order and augmentation from a generator seeded with the epoch,
    and seeds torch's global state, which random views and drop-path draw from: a run
    that went on from a checkpoint ends with the same weights.

    Args:
        method: Method with ``training_loss`` and ``project``; moved to the device.
        data: Tiles to train and to watch.
        settings: Budget and optimisation.
        ranks: Processes that train together, and where. The checkpoint is the same
            whatever their number, so that a run may go on with another.
        checkpoints: Where an interrupted run goes on from.
        observers: Called by the first rank after every epoch, before its checkpoint is
            saved.

    Returns:
        A row an epoch: loss, learning rate and what ``watch`` measures.
    """
    batch_size, steps_an_epoch = _plan(settings, data, ranks)
    in_parts = 0 < settings.micro_batch < batch_size // ranks.part.of
    method = ranks.prepare(method, in_parts=in_parts)
    if settings.compile == "auto":
        compile_networks(method, ranks.device)
    optimizer = torch.optim.AdamW(
        method.parameters(),
        lr=settings.learning_rate,
        weight_decay=settings.weight_decay,
        fused=True,
    )
    schedule = cosine_schedule(
        optimizer,
        total_steps=settings.epochs * steps_an_epoch,
        warmup_steps=settings.warmup_steps,
    )
    check = LateCheck(late=ranks.device.type == "cuda")
    curve: Curve = []
    state = ranks.share(lambda: checkpoints.load(_STATE))
    if state is not None:
        method.load_state_dict(state["method"])
        optimizer.load_state_dict(state["optimizer"])
        schedule.load_state_dict(state["schedule"])
        curve = state["curve"]
        _LOG.info("pre-training goes on after epoch %d", len(curve))
    bar = tqdm(
        total=settings.epochs * steps_an_epoch * batch_size,
        initial=len(curve) * steps_an_epoch * batch_size,
        unit="pair",
        disable=None if ranks.is_first else True,
    )
    for epoch in range(len(curve), settings.epochs):
        method.train()
        generator = torch.Generator().manual_seed(settings.seed * 1_000_003 + epoch)
        torch.manual_seed(settings.seed * 1_000_003 + epoch)
        order = torch.randperm(len(data.train_rows), generator=generator).numpy()
        batches = [
            data.train_rows[np.split(batch, ranks.part.of)[ranks.part.number]]
            for batch in order[: steps_an_epoch * batch_size].reshape(-1, batch_size)
        ]
        losses: list[Tensor] = []
        for rows, images in in_turn(
            partial(data.load, generator=generator),
            batches,
            ranks.device,
            ahead=data.loader.is_streamed,
        ):
            optimizer.zero_grad(set_to_none=True)
            loss = _backward(method, images, settings, ranks, in_parts=in_parts)
            check.add(
                loss,
                epoch * steps_an_epoch + len(losses),
                partial(_names, data, rows),
            )
            optimizer.step()
            schedule.step()
            losses.append(loss)
            bar.update(batch_size)
        check.finish()
        curve.append(
            {
                "epoch": epoch + 1,
                "step": (epoch + 1) * steps_an_epoch,
                "loss": float(ranks.mean(torch.stack(losses).mean())),
                "learning_rate": float(schedule.get_last_lr()[0]),
                **watch(
                    method,
                    data.loader,
                    data.val_rows,
                    precision=settings.precision,
                    ranks=ranks,
                ),
            }
        )
        if not ranks.is_first:
            continue
        for observe in observers:
            observe(method, curve)
        bar.set_postfix(loss=curve[-1]["loss"], top1=curve[-1]["retrieval_top1"])
        if checkpoints.is_due():
            checkpoints.save(_STATE, _state(method, optimizer, schedule, curve))
    bar.close()
    return curve


def training_gflops(
    method: nn.Module, data: PretrainData, settings: PretrainSettings, ranks: OneRank
) -> float:
    """Arithmetic of the forward pass of a training step, a tile.

    The networks see no more tiles than in training, and few enough for a pass without
    gradients; their vectors, repeated, stand for a step's where the loss is counted.

    Args:
        method: Method before it trains; left in evaluation mode, so that its statistics
            stay as they are.
        data: Tiles of the step.
        settings: Batch size and micro-batch.
        ranks: Processes that share the step; each compares its own tiles with all.

    Returns:
        Floating-point operations / 1e9.
    """
    method.eval()
    batch_size = _tiles_a_step(settings, data, ranks)
    own = batch_size // ranks.part.of
    seen = min(own, settings.micro_batch or own, TILES_A_PASS)
    generator = torch.Generator().manual_seed(0)
    images = data.load(data.train_rows[:seen], generator=generator)
    if not isinstance(method, PairMethod):
        total = forward_gflops(lambda: method.training_loss(images))  # type: ignore[operator]
        return round(total / seen, 6)
    pairs: list[tuple[Tensor, Tensor]] = []
    networks = forward_gflops(lambda: pairs.append(method.encode_pairs(images)))
    repeated = torch.arange(batch_size) % seen
    first, second = (x[repeated] for x in pairs[0])
    rows = None if own == batch_size else slice(own)
    loss = forward_gflops(lambda: method.pair_loss(first, second, rows))
    return round(networks / seen + loss / own, 6)


def _tiles_a_step(
    settings: PretrainSettings, data: PretrainData, ranks: OneRank
) -> int:
    """Tiles of a step, over all ranks."""
    batch_size = min(settings.batch_size, len(data.train_rows))
    if batch_size % ranks.part.of:
        raise ValueError(
            "pretrain.batch_size, or the number of training tiles where it is smaller, "
            f"must be a multiple of the number of processes {ranks.part.of}, got "
            f"{batch_size}"
        )
    return batch_size


def _plan(
    settings: PretrainSettings, data: PretrainData, ranks: OneRank
) -> tuple[int, int]:
    """Tiles of a step, over all ranks, and steps of an epoch."""
    tiles, batch_size = len(data.train_rows), _tiles_a_step(settings, data, ranks)
    steps_an_epoch, left_out = divmod(tiles, batch_size)
    if ranks.is_first:
        _LOG.info(
            "%d tiles, %d steps an epoch; %d other tiles left out of each epoch; "
            "processes: %d",
            tiles,
            steps_an_epoch,
            left_out,
            ranks.part.of,
        )
    return batch_size, steps_an_epoch


def _backward(
    method: nn.Module,
    images: Batch,
    settings: PretrainSettings,
    ranks: OneRank,
    *,
    in_parts: bool,
) -> Tensor:
    """Add a batch's gradients to the parameters; returns this rank's loss, detached."""
    precision = partial(autocast, ranks.device, settings.precision)
    if in_parts:
        loss = cached_backward(
            method,
            images,
            micro_batch=settings.micro_batch,
            precision=precision,
            pair_loss=ranks.pair_loss(method),
        )
        ranks.average_gradients(method)
        return loss
    with precision():
        loss = ranks.training_loss(method, images)
    ranks.backward(loss)
    return loss.detach()


def _names(data: PretrainData, rows: Rows) -> str:
    return ", ".join(str(tile) for tile in data.tile_ids[rows])


def _state(
    method: nn.Module,
    optimizer: torch.optim.Optimizer,
    schedule: torch.optim.lr_scheduler.LambdaLR,
    curve: Curve,
) -> State:
    return {
        "method": method.state_dict(),
        "optimizer": optimizer.state_dict(),
        "schedule": schedule.state_dict(),
        "curve": curve,
    }
