"""Tiles with the same pixels, found by hashes of their content."""

import hashlib
from collections.abc import Mapping, Sequence

import numpy as np
from jaxtyping import Integer, Shaped

from sentinel_fusion.data.shards import ShardReader

Layers = Mapping[str, ShardReader]
"""Sensor -> the stored pixels of a role."""
Hashes = Shaped[np.ndarray, " tiles"]
_DIGEST = "S32"  # of SHA-256
_BLOCK_BYTES = 2**25
_WHOLE = slice(None)


def content_hashes(stores: Sequence[Layers]) -> list[Hashes]:
    """A hash a tile, equal for tiles whose pixels of both sensors are.

    Every tile's middle line is hashed; a tile is read whole only where another has the
    same line. So stores larger than memory take little longer than their number of
    tiles asks for.

    Args:
        stores: Layers of one store or of several with tiles of one size.

    Returns:
        Hashes of the tiles of every store; those of tiles with the same line are of all
        their pixels.
    """
    found = []
    for layers in stores:
        reader = next(iter(layers.values()))
        middle = reader.item_shape[0] // 2
        line = slice(middle, middle + 1)
        found.append(_hash(layers, np.arange(len(reader)), line))
    codes, counts = np.unique(np.concatenate(found), return_counts=True)
    shared = codes[counts > 1]
    for layers, hashes in zip(stores, found, strict=True):
        rows = np.flatnonzero(np.isin(hashes, shared))
        hashes[rows] = _hash(layers, rows, _WHOLE)
    return found


def _hash(layers: Layers, rows: Integer[np.ndarray, " tiles"], lines: slice) -> Hashes:
    hashes = np.empty(len(rows), _DIGEST)
    # by the whole tile's size, so that memory is the same for a line and for all
    pixels = sum(np.prod(reader.item_shape) for reader in layers.values())
    block = max(1, int(_BLOCK_BYTES // (pixels * np.dtype(np.uint16).itemsize)))
    for start in range(0, len(rows), block):
        chosen = rows[start : start + block]
        images = [
            np.ascontiguousarray(reader.read(chosen, lines))
            for reader in layers.values()
        ]
        for number in range(len(chosen)):
            digest = hashlib.sha256()
            for image in images:
                digest.update(image[number].data)
            hashes[start + number] = digest.digest()
    return hashes
