"""Where the blocks of a scene end, and which tiles are lost along their edges."""

import json
from itertools import pairwise
from pathlib import Path


def block_edges(length_px: int, block_px: int) -> list[int]:
    """Where blocks begin and end along an edge of a scene.

    Args:
        length_px: Length of the edge.
        block_px: Length of a block; 0 for one block.

    Returns:
        From 0 to ``length_px``; the last block is from half to one and a half as long.
    """
    if not block_px:
        return [0, length_px]
    count = max(1, (length_px + block_px // 2) // block_px)
    return [*range(0, count * block_px, block_px), length_px]


def describe_lost_tiles(raw: Path, size_px: int, stride_px: int) -> str:
    """How many tiles the cut of a role's scenes into blocks costs.

    Tiles are counted by their place alone, before any is refused.

    Args:
        raw: Folder of the role's raw data, with a ``scene.json`` a scene.
        size_px: Edge of a tile.
        stride_px: Pixels between the corners of neighbouring tiles.

    Returns:
        A sentence; "" where nothing was cut or no tile is lost.
    """
    whole, kept = 0, 0
    for file in raw.glob("*/scene.json"):
        facts = json.loads(file.read_text())
        edges_px = [facts["grid"][name] for name in ("height_px", "width_px")]
        block_px = facts["blocks"]["block_px"]
        whole += _count_tiles(edges_px, 0, size_px, stride_px)
        kept += _count_tiles(edges_px, block_px, size_px, stride_px)
    if kept >= whole:
        return ""
    return (
        f"{1 - kept / whole:.1%} of the tiles are lost along the edges of blocks: "
        f"whole scenes would give {whole}, their blocks give {kept}; larger "
        "download.folder.block_px lose fewer, and so do multiples of tile.stride_px"
    )


def _count_tiles(
    edges_px: list[int], block_px: int, size_px: int, stride_px: int
) -> int:
    down, across = (
        sum(
            max(0, (end - start - size_px) // stride_px + 1)
            for start, end in pairwise(edges)
        )
        for edges in (block_edges(length_px, block_px) for length_px in edges_px)
    )
    return down * across
