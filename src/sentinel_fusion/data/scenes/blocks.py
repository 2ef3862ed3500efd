"""Cut a whole scene into blocks, places of their own that a split can hold out.

Blocks lie side by side, so that tiles along their edges resemble each other; of few
scenes it is the best that can be done. With scenes enough a whole scene is the harder
and more honest test.

Source: spatial blocks for validation, Roberts et al. 2017, doi 10.1111/ecog.02881.
"""

from dataclasses import dataclass, replace
from itertools import pairwise, product
from pathlib import Path

from rasterio import Affine

from sentinel_fusion.data.grids import Grid
from sentinel_fusion.data.patches import Patch
from sentinel_fusion.data.scenes.block_edges import block_edges
from sentinel_fusion.data.scenes.vrt import write_window


@dataclass(frozen=True)
class _Block:
    name: str
    first_row: int
    first_col: int
    grid: Grid


def cut_into_blocks(
    scene: Patch, grid: Grid, block_px: int, folder: Path
) -> list[Patch]:
    """Blocks of a scene, each a patch and a place.

    Nothing is copied: a block is a window of the scene's rasters, as VRTs.

    Args:
        scene: A scene whose rasters lie on one grid.
        grid: That grid.
        block_px: Height and width of a block; what is left at the lower and right edge
            is a block of its own from half of that on, else part of its neighbour.
        folder: Existing folder; gets one a block.

    Returns:
        The blocks by row and column; the scene itself where it is one block, or where
        ``block_px`` is 0.
    """
    rows, cols = (block_edges(px, block_px) for px in (grid.height_px, grid.width_px))
    if len(rows) == len(cols) == 2:
        return [scene]
    blocks = [
        _Block(
            f"r{row}c{col}",
            top,
            left,
            Grid(
                bottom - top,
                right - left,
                grid.crs,
                grid.transform @ Affine.translation(left, top),
            ),
        )
        for (row, (top, bottom)), (col, (left, right)) in product(
            enumerate(pairwise(rows)), enumerate(pairwise(cols))
        )
    ]
    return [_cut(scene, block, folder / block.name) for block in blocks]


def _cut(scene: Patch, block: _Block, folder: Path) -> Patch:
    folder.mkdir(exist_ok=True)

    def window(name: str, source: Path) -> Path:
        return write_window(
            folder / f"{name}.vrt",
            source,
            block.grid,
            first_row=block.first_row,
            first_col=block.first_col,
        )

    name = f"{scene.patch_id}-{block.name}"
    return replace(
        scene,
        patch_id=name,
        place_id=name,
        s1=window("s1", scene.s1),
        s2=window("s2", scene.s2),
        label=scene.label and window("label", scene.label),
    )
