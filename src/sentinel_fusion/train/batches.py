"""Batches of an epoch in order, where it gains one ahead of the step that trains."""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, nullcontext

import numpy as np
import torch
from jaxtyping import Integer

from sentinel_fusion.data.loader import Batch

Rows = Integer[np.ndarray, " tiles"]


def in_turn(
    load: Callable[[Rows], Batch],
    batches: Sequence[Rows],
    device: torch.device,
    *,
    ahead: bool,
) -> Iterator[tuple[Rows, Batch]]:
    """Load batches one after the other, by one thread where it loads ahead.

    Batches are loaded in their order either way, so that what ``load`` draws from a
    generator of its own is the same. Copies from memory let other threads run.

    Args:
        load: Loads the tiles of some rows.
        batches: Rows of every batch.
        device: Where batches go. A thread queues its work there as the caller does, so
            that a batch is there before it is used.
        ahead: Whether the next batch is loaded while the caller uses this one.

    Yields:
        Rows and images of every batch.
    """
    if not ahead:
        for rows in batches:
            yield rows, load(rows)
        return

    def load_there(rows: Rows) -> Batch:
        with _current(device):
            return load(rows)

    with ThreadPoolExecutor(1) as reader:
        following = [*batches[1:], None]
        loaded = reader.submit(load_there, batches[0])
        for rows, next_rows in zip(batches, following, strict=True):
            images = loaded.result()
            if next_rows is not None:
                loaded = reader.submit(load_there, next_rows)
            yield rows, images


def _current(device: torch.device) -> AbstractContextManager[object]:
    # a new thread starts with the first card as its current one
    return torch.cuda.device(device) if device.type == "cuda" else nullcontext()
