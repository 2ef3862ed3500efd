"""Batches on a CUDA device, alone and in a step: resident tiles, and streamed ones.

Seconds are the clock's, with the device waited for. Resident tiles are gathered and
scaled on the device; streamed ones are gathered into pinned memory by the threads
of the CPU, sent, and scaled there.
"""

from collections.abc import Callable, Iterator
from unittest import mock

import numpy as np
import torch
from limits import memory_rate, synchronise
from measure import Row, interleave, median, row, spread
from step_ways import build

from sentinel_fusion.bands import BANDS
from sentinel_fusion.data import loader as loader_module
from sentinel_fusion.data.augment import build_augment
from sentinel_fusion.data.loader import Batch, BatchLoader, TileStore, load_augmented
from sentinel_fusion.train.batches import Rows, in_turn
from sentinel_fusion.train.device import autocast, compile_networks

BATCH = 256
CROP_PX = 128
STEPS = 10
ROUNDS = 5
SHARES = {"resident": 0.5, "streamed": 0.0}
"""Share of the free memory that a store may take there."""
ENCODER = "resnet18"
Step = Callable[[Batch], None]


def rows_on(device: torch.device, store: TileStore) -> Iterator[Row]:
    """Measure.

    Args:
        device: A CUDA device; on a CPU the names of the rows would be wrong.
        store: Tiles of at least ``CROP_PX``.

    Yields:
        For either way the rate of loading, and of steps that load.
    """
    step = _step(device)
    for name, share in SHARES.items():
        with mock.patch.object(loader_module, "RESIDENT_SHARE", share):
            loader = BatchLoader(store, ("s1", "s2"), store.normalisation, device)
            yield _loading(name, loader, store, device)
            yield _training(name, loader, store, device, step)


def _draw(store: TileStore, steps: int) -> list[Rows]:
    rng = np.random.default_rng(0)
    return [rng.integers(0, len(store), BATCH) for _ in range(steps)]


def _load(loader: BatchLoader) -> Callable[[Rows], Batch]:
    augment = build_augment("d4_crop", CROP_PX)
    generator = torch.Generator().manual_seed(0)
    return lambda rows: load_augmented(loader, rows, augment, generator)


def _loading(
    name: str, loader: BatchLoader, store: TileStore, device: torch.device
) -> Row:
    load = _load(loader)
    batches = _draw(store, STEPS)

    def run() -> None:
        for rows in batches:
            load(rows)
        synchronise(device)

    seconds = interleave({"ours": run, "sent": _sending(device)}, ROUNDS)
    rate = STEPS * BATCH / median(seconds["ours"])
    numbers = CROP_PX**2 * sum(map(len, BANDS.values()))
    if name == "resident":  # integers are read, float32 is written
        limit, said = memory_rate(device) / (6 * numbers), "the device's memory rate"
    else:
        limit, said = BATCH / median(seconds["sent"]), "sending the integers, pinned"
    return row(
        f"{CROP_PX} px batches of {BATCH}, tiles {name}, cuda",
        rate,
        "samples/s",
        spread=spread(seconds["ours"]),
        limit=limit,
        ratio_to_limit=rate / limit,
        note=f"limit: {said}; with the square's symmetries",
    )


def _sending(device: torch.device) -> Callable[[], None]:
    numbers = BATCH * CROP_PX**2 * sum(map(len, BANDS.values()))
    pinned = torch.zeros(numbers, dtype=torch.int16, pin_memory=device.type == "cuda")

    def send() -> None:
        pinned.to(device, non_blocking=True)
        synchronise(device)

    return send


def _step(device: torch.device) -> Step:
    method = build(ENCODER, CROP_PX).to(device)
    compile_networks(method, device)
    optimizer = torch.optim.AdamW(method.parameters(), lr=1e-4, fused=True)

    def step(images: Batch) -> None:
        optimizer.zero_grad(set_to_none=True)
        with autocast(device, "bfloat16"):
            loss = method.training_loss(images)  # type: ignore[operator]
        loss.backward()
        optimizer.step()

    return step


def _training(
    name: str,
    loader: BatchLoader,
    store: TileStore,
    device: torch.device,
    step: Step,
) -> Row:
    load = _load(loader)
    batches = _draw(store, STEPS)
    at_hand = load(batches[0])

    def without() -> None:
        for _ in batches:
            step(at_hand)
        synchronise(device)

    def with_loading(*, ahead: bool) -> None:
        for _, images in in_turn(load, batches, device, ahead=ahead):
            step(images)
        synchronise(device)

    ahead = loader.is_streamed
    seconds = interleave(
        {
            "ours": lambda: with_loading(ahead=ahead),
            "serial": lambda: with_loading(ahead=False),
            "without": without,
        },
        ROUNDS,
    )
    rates = {way: STEPS * BATCH / median(times) for way, times in seconds.items()}
    return row(
        f"{ENCODER} pair steps that load, {CROP_PX} px, tiles {name}, cuda",
        rates["ours"],
        "pairs/s",
        spread=spread(seconds["ours"]),
        peer=rates["serial"],
        ratio_to_peer=rates["ours"] / rates["serial"],
        limit=rates["without"],
        ratio_to_limit=rates["ours"] / rates["without"],
        goal=">= 0.95 of limit",
        met=rates["ours"] >= 0.95 * rates["without"],
        note="limit: the same steps with a batch at hand; peer: no thread; bfloat16, "
        f"compiled, {BATCH} pairs",
    )
