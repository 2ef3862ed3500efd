"""Which patches are tiled together: a block, about one shard of tiles.

The plan depends on the patches and the rules alone, not on who does the work.
"""

from collections.abc import Sequence

from sentinel_fusion.data.grids import grid_of, open_raster
from sentinel_fusion.data.patches import Patch
from sentinel_fusion.data.shards import items_per_shard
from sentinel_fusion.data.tiling.rules import TileRules, layers

Block = tuple[Patch, ...]


def plan_blocks(patches: Sequence[Patch], rules: TileRules) -> list[Block]:
    """Cut the row of patches where their tiles would no longer fit in one shard.

    One raster a place is opened for its size; where a place holds patches of several
    sizes, its blocks come out larger or smaller, and the former get several shards. So
    does a block of one patch with more tiles than a shard holds.

    Args:
        patches: Patches in the order their tiles are stored.
        rules: How patches become tiles.

    Returns:
        All patches in their order, in blocks of at least one.
    """
    room = items_per_shard(
        *layers(rules.size_px, with_labels=False)["s2"], rules.shard_mib
    )
    of_place: dict[str, int] = {}
    blocks: list[list[Patch]] = []
    tiles = room
    for patch in patches:
        if not of_place.get(patch.place_id):  # unreadable or too small: ask the next
            of_place[patch.place_id] = _count_tiles(patch, rules)
        more = of_place[patch.place_id]
        if not blocks or tiles + more > room:
            blocks.append([])
            tiles = 0
        blocks[-1].append(patch)
        tiles += more
    return [tuple(block) for block in blocks]


def _count_tiles(patch: Patch, rules: TileRules) -> int:
    try:
        with open_raster(patch.s1) as raster:
            grid = grid_of(raster)
    except OSError:
        return 0  # counted by name where it is tiled
    down, across = (
        (edge - rules.size_px) // rules.stride_px + 1
        for edge in (grid.height_px, grid.width_px)
    )
    return max(0, down) * max(0, across)
