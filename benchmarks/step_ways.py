"""A pair pre-training step, our way and the way that the papers' code goes.

The published way is re-stated from what that code is described to do: float32, each
sample clipped and divided by its own maximum one after another, layers and batches
channels first, an optimiser that is not fused, and NT-Xent with masks over 2N x 2N.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from sentinel_fusion.bands import BANDS, S1_UNITS_PER_DB
from sentinel_fusion.data.stats import Normalisation
from sentinel_fusion.train.arms import ArmConfig, build_method
from sentinel_fusion.train.device import autocast

Tiles = dict[str, np.ndarray]
"""Sensor -> stored integers (B, H, W, bands)."""
Step = Callable[[], Tensor]
TEMPERATURE = 0.07
ENCODERS: dict[str, tuple[str, dict[str, Any]]] = {
    "resnet18": ("resnet", {"architecture": "resnet18", "width": 64}),
    "resnet50": ("resnet", {"architecture": "resnet50", "width": 64}),
    "swin_t": (
        "swin",
        {
            "patch_px": 4,
            "embed_dim": 96,
            "depths": [2, 2, 6, 2],
            "num_heads": [3, 6, 12, 24],
            "drop_path": 0.1,
        },
    ),
    "resnet10t width 8": ("resnet", {"architecture": "resnet10t", "width": 8}),
}
_MEAN = {"s1": -15.0, "s2": 1500.0}
_SD = {"s1": 5.0, "s2": 900.0}
_CLIPPED = {"s1": (-25.0, 0.0), "s2": (0.0, 10_000.0)}


def draw_tiles(batch_size: int, size_px: int) -> Tiles:
    """Noise in the stored units.

    Args:
        batch_size: Tiles.
        size_px: Their edge.

    Returns:
        Sensor -> int16 centi-dB or uint16 reflectance.
    """
    generator = np.random.default_rng(0)
    shape = (batch_size, size_px, size_px)
    return {
        "s1": generator.integers(-2500, 0, (*shape, 2)).astype(np.int16),
        "s2": generator.integers(0, 8000, (*shape, 13)).astype(np.uint16),
    }


def build(encoder: str, size_px: int) -> nn.Module:
    """Dual-SimCLR on a pair of encoders.

    Args:
        encoder: Key of ``ENCODERS``.
        size_px: Edge of the tiles.

    Returns:
        The method on the CPU, in training mode.
    """
    module, options = ENCODERS[encoder]
    arm = ArmConfig(
        method="dual_simclr",
        method_options={
            "projection_dim": 128,
            "temperature": TEMPERATURE,
            "negatives": "both",
        },
        loss="nt_xent",
        encoder=module,
        encoder_options=options,
        inputs=("s1", "s2"),
        bands={},
        fusion="late",
        size_px=size_px,
        seed=0,
    )
    scale = {sensor: [1.0] * len(bands) for sensor, bands in BANDS.items()}
    return build_method(arm, Normalisation(mean=scale, sd=scale)).train()


def our_step(
    method: nn.Module, tiles: Tiles, device: torch.device, precision: str
) -> tuple[Step, Step]:
    """Integers to the device, scaling of the batch there, our loss and optimiser.

    Args:
        method: From ``build``.
        tiles: The batch.
        device: Where.
        precision: "float32" or "bfloat16".

    Returns:
        The whole step, and its forward and backward pass alone.
    """
    method.to(device)
    optimizer = torch.optim.AdamW(method.parameters(), lr=1e-4, fused=True)

    def passes() -> Tensor:
        images = _scaled(tiles, device)
        with autocast(device, precision):
            loss: Tensor = method.training_loss(images)  # type: ignore[operator]
        loss.backward()  # type: ignore[no-untyped-call]
        return loss.detach()

    return _with_optimizer(passes, optimizer), passes


def networks_alone(
    method: nn.Module, tiles: Tiles, device: torch.device, precision: str
) -> Step:
    """Forward and backward pass of the encoders, without heads, loss and optimiser.

    Args:
        method: From ``build``, on the device.
        tiles: The batch.
        device: Where.
        precision: Of the forward pass.

    Returns:
        The passes, from images that are already scaled; gives a sum of features.
    """
    images = _scaled(tiles, device)
    networks = method.get_submodule("encoder.encoders").named_children()
    every = [(images[sensor], network) for sensor, network in networks]

    def passes() -> Tensor:
        total = torch.zeros((), device=device)
        for x, network in every:
            with autocast(device, precision):
                h = network(x)
            h.backward(torch.ones_like(h))
            total += h.detach().sum()
        return total

    return passes


def _scaled(tiles: Tiles, device: torch.device) -> dict[str, Tensor]:
    images = {}
    for sensor, stored in tiles.items():
        values = torch.from_numpy(stored).to(device).to(torch.float32)
        unit = S1_UNITS_PER_DB if sensor == "s1" else 1
        values = values.sub_(_MEAN[sensor] * unit).div_(_SD[sensor] * unit)
        images[sensor] = values.permute(0, 3, 1, 2)
    return images


def published_step(method: nn.Module, tiles: Tiles, device: torch.device) -> Step:
    """The step as the papers' code does it.

    Args:
        method: From ``build``.
        tiles: The batch.
        device: Where.

    Returns:
        The whole step.
    """
    method.to(device).to(memory_format=torch.contiguous_format)  # type: ignore[call-overload]
    optimizer = torch.optim.Adam(method.parameters(), lr=1e-4)

    def passes() -> Tensor:
        images = {
            sensor: torch.stack(
                [_by_its_maximum(sample, sensor) for sample in stored]
            ).to(device)
            for sensor, stored in tiles.items()
        }
        z1, z2 = method.project(images)  # type: ignore[operator]
        loss = masked_nt_xent(z1, z2)
        loss.backward()  # type: ignore[no-untyped-call]
        return loss.detach()

    return _with_optimizer(passes, optimizer)


def masked_nt_xent(z1: Tensor, z2: Tensor) -> Tensor:
    """NT-Xent by masks over the 2N x 2N similarities and a copy of the negatives.

    Args:
        z1: Projections of the first sensor.
        z2: Projections of the second.

    Returns:
        Mean over all anchors.
    """
    z = torch.cat([z1, z2])
    similarity = F.cosine_similarity(z.unsqueeze(1), z.unsqueeze(0), dim=2)
    pairs = len(z1)
    positives = torch.cat([similarity.diagonal(pairs), similarity.diagonal(-pairs)])
    itself = torch.eye(2 * pairs, dtype=torch.bool, device=z.device)
    positive = itself.roll(pairs, dims=0)
    negatives = similarity[~(itself | positive)].view(2 * pairs, -1)
    logits = torch.cat([positives.unsqueeze(1), negatives], dim=1) / TEMPERATURE
    first = torch.zeros(2 * pairs, dtype=torch.long, device=z.device)
    return F.cross_entropy(logits, first)


def _by_its_maximum(sample: np.ndarray, sensor: str) -> Tensor:
    low, high = _CLIPPED[sensor]
    pixels = sample.astype(np.float32)
    if sensor == "s1":
        pixels /= S1_UNITS_PER_DB
    pixels = np.clip(pixels, low, high) - low
    scaled = pixels / max(float(pixels.max()), 1e-6)
    return torch.from_numpy(np.ascontiguousarray(scaled.transpose(2, 0, 1)))


def _with_optimizer(passes: Step, optimizer: torch.optim.Optimizer) -> Step:
    def step() -> Tensor:
        optimizer.zero_grad(set_to_none=True)
        loss = passes()
        optimizer.step()
        return loss

    return step
