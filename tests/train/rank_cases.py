"""Work that several ranks do together; ``test_many_ranks`` compares it with one rank's.

Started by torchrun: ``rank_cases.py FOLDER``, where FOLDER has a store in ``tiles``.
"""

import sys
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
import torch
from tests.builders import unit_normalisation
from torch import Tensor, nn

from sentinel_fusion.bands import BANDS
from sentinel_fusion.data.augment import Window, build_augment
from sentinel_fusion.data.loader import Batch, BatchLoader, TileStore
from sentinel_fusion.losses import nt_xent
from sentinel_fusion.train import passes
from sentinel_fusion.train.arms import ArmConfig, build_method
from sentinel_fusion.train.checkpoint import Checkpoints
from sentinel_fusion.train.gradient_cache import cached_backward
from sentinel_fusion.train.one_rank import OneRank
from sentinel_fusion.train.pretrain import PretrainSettings, pretrain
from sentinel_fusion.train.pretrain_data import PretrainData
from sentinel_fusion.train.ranks import join_ranks
from sentinel_fusion.train.watch import Curve, project_tiles

CPU = torch.device("cpu")
TILES, SIZE_PX = 8, 32
RESNET = ("resnet", {"architecture": "resnet10t", "width": 8})
VGG = ("vgg", {"width": 8, "num_features": 16})
SWIN = (
    "swin",
    {
        "patch_px": 4,
        "embed_dim": 16,
        "depths": [1, 1],
        "num_heads": [2, 2],
        "drop_path": 0.3,
    },
)
NT_XENT = {"projection_dim": 8, "temperature": 0.2, "negatives": "both"}
VIEWS = {"min_crop_share": 0.2, "jitter_strength": 0.5}
MMA = {"temperature": 0.1, "search": "pad", "margin_px": 1}


def _arm(method: str, loss: str, options: dict[str, Any], encoder: Any) -> ArmConfig:  # noqa: ANN401
    is_pair = method != "simclr"
    return ArmConfig(
        method=method,
        method_options=options,
        loss=loss,
        encoder=encoder[0],
        encoder_options=encoder[1],
        inputs=("s1", "s2") if is_pair else ("s2",),
        bands={"s2": ("B04", "B03", "B02")} if options.get("views") == "colour" else {},
        fusion="late" if is_pair else "single",
        size_px=SIZE_PX,
        seed=0,
    )


ARMS = {
    "dual_simclr": _arm("dual_simclr", "nt_xent", NT_XENT, RESNET),
    "other_negatives": _arm(
        "dual_simclr", "nt_xent", {**NT_XENT, "negatives": "other"}, SWIN
    ),
    "mma": _arm("mma", "alignment", MMA, VGG),
    "mma_crop": _arm("mma", "alignment", {**MMA, "search": "crop"}, VGG),
    "colour_views": _arm(
        "simclr", "nt_xent", {**NT_XENT, **VIEWS, "views": "colour"}, RESNET
    ),
    "band_views": _arm(
        "simclr", "nt_xent", {**NT_XENT, **VIEWS, "views": "bands"}, SWIN
    ),
}
NO_BATCH_LAYERS = _arm(
    "dual_simclr", "nt_xent", NT_XENT, ("swin", {**SWIN[1], "drop_path": 0.0})
)
SETTINGS = PretrainSettings(
    epochs=2,
    batch_size=8,
    micro_batch=0,
    learning_rate=0.003,
    weight_decay=0.0,
    warmup_steps=2,
    seed=0,
    precision="float32",
    compile="auto",
)


def _images(ranks: OneRank) -> Batch:
    generator = torch.Generator().manual_seed(0)
    images = {
        sensor: torch.randn(TILES, len(bands), SIZE_PX, SIZE_PX, generator=generator)
        for sensor, bands in BANDS.items()
    }
    augment = build_augment("d4", None, ranks.part)
    own = {sensor: ranks.part.cut(x) for sensor, x in images.items()}
    return augment(own, torch.Generator().manual_seed(1))


def _open_residual_branches(method: nn.Module) -> None:
    for name, parameter in method.named_parameters():
        if name.endswith("bn2.weight"):
            nn.init.ones_(parameter)


def _state(method: nn.Module) -> dict[str, Tensor]:
    return {name: x.detach().clone() for name, x in method.state_dict().items()}


def one_step(arm: ArmConfig, ranks: OneRank) -> dict[str, Any]:
    """Loss, gradients and statistics of a step's backward pass."""
    method = build_method(arm, unit_normalisation())
    _open_residual_branches(method)
    method = ranks.prepare(method, in_parts=False).train()
    torch.manual_seed(0)
    loss = ranks.training_loss(method, _images(ranks))
    ranks.backward(loss)
    return _result(method, ranks.mean(loss.detach()))


def one_cached_step(ranks: OneRank) -> dict[str, Any]:
    """The same by gradient caching, two tiles at a time."""
    method = build_method(NO_BATCH_LAYERS, unit_normalisation())
    method = ranks.prepare(method, in_parts=True).train()
    loss = cached_backward(
        method,
        _images(ranks),
        micro_batch=2,
        precision=torch.enable_grad,
        pair_loss=ranks.pair_loss(method),
    )
    ranks.average_gradients(method)
    return _result(method, ranks.mean(loss))


def _result(method: nn.Module, loss: Tensor) -> dict[str, Any]:
    gradients = {
        n: p.grad.clone() for n, p in method.named_parameters() if p.grad is not None
    }
    return {"loss": loss, "gradients": gradients, "state": _state(method)}


class RememberingLoader(BatchLoader):
    """Remembers which rows it read."""

    def __init__(self, store: TileStore) -> None:
        super().__init__(store, ("s1", "s2"), store.normalisation, CPU)
        self.read: list[int] = []

    def load(self, rows: np.ndarray, window: Window | None = None) -> Batch:
        self.read += rows.tolist()
        return super().load(rows, window)


class InterruptedRunError(Exception):
    pass


def train(
    folder: Path, ranks: OneRank, checkpoints: str, *, steps: int = 8
) -> dict[str, Any]:
    """A pre-training of 2 epochs of 4 steps, and the training rows it first read."""
    store = TileStore(folder / "tiles")
    loader = RememberingLoader(store)
    d4, left = build_augment("d4", None, ranks.part), iter(range(steps))

    def augment(images: Batch, generator: torch.Generator) -> Batch:
        if next(left, None) is None:
            raise InterruptedRunError
        return d4(images, generator)

    data = PretrainData(
        loader=loader,
        train_rows=np.arange(14, 48),
        val_rows=np.arange(14),
        tile_ids=np.arange(48),
        augment=augment,
    )
    arm = replace(ARMS["dual_simclr"], size_px=store.size_px)
    method = build_method(arm, unit_normalisation())
    curve: Curve = []
    observed: list[int] = []

    def observe(method: nn.Module, curve: Curve) -> None:
        observed.append(len(curve))

    kept = Checkpoints(folder / checkpoints, "key", every_s=0)
    with suppress(InterruptedRunError):
        curve = pretrain(method, data, SETTINGS, ranks, kept, [observe])
    first = [row for row in loader.read if row >= 14][: 32 // ranks.part.of]
    z = _project(method, loader, ranks)
    rows = ranks.merge({ranks.part.number: first})
    seen = ranks.merge({ranks.part.number: observed})
    return {
        "curve": curve,
        "rows": rows,
        "observed": seen,
        "state": _state(method),
        "projections": z,
        "resumed": kept.has_resumed,
    }


def watch_again(folder: Path, state: dict[str, Tensor]) -> tuple[Tensor, Tensor]:
    """What one rank sees with a method's state."""
    store = TileStore(folder / "tiles")
    arm = replace(ARMS["dual_simclr"], size_px=store.size_px)
    method = build_method(arm, unit_normalisation())
    method.load_state_dict(state)
    return _project(method, RememberingLoader(store), OneRank(CPU))


def _project(
    method: nn.Module, loader: BatchLoader, ranks: OneRank
) -> tuple[Tensor, Tensor]:
    with mock.patch.object(passes, "TILES_A_PASS", 4):
        return project_tiles(
            method, loader, np.arange(14), precision="float32", ranks=ranks
        )


def main(folder: Path) -> None:
    """Does all of it and leaves the first rank's results in ``ranks.pt``."""
    ranks = join_ranks(CPU)
    torch.set_num_threads(1)
    results: dict[str, Any] = {name: one_step(arm, ranks) for name, arm in ARMS.items()}
    with mock.patch.object(nt_xent, "PLAIN_VECTORS", 0):
        results["by_anchors"] = one_step(ARMS["dual_simclr"], ranks)
    results["cached"] = one_cached_step(ranks)
    results["pretrain"] = train(folder, ranks, "two")
    results["resumed"] = train(folder, ranks, "begun_by_one")
    train(folder, ranks, "begun_by_two", steps=5)
    if ranks.is_first:
        torch.save(results, folder / "ranks.pt")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
