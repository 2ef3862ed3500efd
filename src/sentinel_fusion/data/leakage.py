"""Tiles that are held out and yet known: same place, same ground or same pixels."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import shapely
from jaxtyping import Integer, Shaped

from sentinel_fusion.data.footprints import Footprints, overlapping
from sentinel_fusion.data.splits import choose_tiles

_SHOWN = 3
KINDS = {
    "place": "lie in a place of",
    "footprint": "lie on ground of",
    "duplicate": "have the pixels of",
}
"""Kind of leak -> how its tiles stand to the others."""
REMEDY = (
    "Remove copies of scenes; where scenes overlap set split.shared_ground to drop; "
    "where data/splits was changed by hand run `dvc repro -f split`."
)
"""What to do about leaks between the splits of the labelled tiles."""
PRETRAIN_REMEDY = (
    "Take other scenes for one of the roles, or set split.pretrain_overlap: drop takes "
    "unlabelled tiles on held-out ground out of the pre-training, report only counts."
)
"""What to do about leaks from the pre-training tiles."""
NONE_LEFT = (
    "all pretrain tiles lie on held-out ground; add unlabelled scenes of other ground, "
    "or set split.pretrain_overlap to report"
)
"""What to do where dropping leaves nothing to pre-train on."""
Names = Shaped[np.ndarray, " _"]


@dataclass(frozen=True)
class TileSet:
    """Tiles that serve one end.

    Args:
        name: What they are, for messages: "labelled test tiles".
        tile_ids: Name of each.
        place_ids: Place of each.
        footprints: Ground of each, None where it is not known.
        contents: Hash of each tile's pixels, as ``content_hashes`` gives them.
    """

    name: str
    tile_ids: Names
    place_ids: Names
    footprints: Footprints
    contents: Names

    def take(self, rows: Integer[np.ndarray, " some"], name: str) -> "TileSet":
        """Some of the tiles.

        Args:
            rows: Their positions.
            name: What they are.

        Returns:
            These tiles alone.
        """
        return TileSet(
            name,
            self.tile_ids[rows],
            self.place_ids[rows],
            self.footprints[rows],
            self.contents[rows],
        )


@dataclass(frozen=True)
class Leak:
    """Held-out tiles of which something is known.

    Args:
        kind: A key of ``KINDS``.
        held_out: What the tiles are.
        known: What the others are.
        pairs: Held-out tile and one of the others that it meets, a row a held-out tile.
    """

    kind: str
    held_out: str
    known: str
    pairs: Shaped[np.ndarray, "tiles 2"]

    def __str__(self) -> str:
        """The leak in words with the ids of its first tiles."""
        first = ", ".join(f"{tile} (as {other})" for tile, other in self.pairs[:_SHOWN])
        rest = len(self.pairs) - _SHOWN
        more = f" and {rest} more" if rest > 0 else ""
        return (
            f"{len(self.pairs)} {self.held_out} {KINDS[self.kind]} {self.known}: "
            f"{first}{more}"
        )


Leaks = dict[str, list[Leak]]
"""Name of two sets of tiles -> the leaks between them."""


def find_leaks(known: TileSet, held_out: TileSet, *, same_names: bool) -> list[Leak]:
    """Held-out tiles that are among others in one of three ways.

    Args:
        known: Tiles that are trained on, or selected by.
        held_out: Tiles that must be new.
        same_names: Whether equal place ids mean one place, as within a store.

    Returns:
        The leaks, none of them empty.
    """
    partners = {"duplicate": _partners(known.contents, held_out.contents)}
    if same_names:
        partners["place"] = _partners(known.place_ids, held_out.place_ids)
    partners["footprint"] = np.full(len(held_out.tile_ids), -1)
    other, row = overlapping(known.footprints, held_out.footprints)
    partners["footprint"][row] = other
    leaks = []
    for kind in KINDS:
        partner = partners.get(kind, np.empty(0, np.int64))
        tiles = np.flatnonzero(partner >= 0)
        if len(tiles):
            ids = (held_out.tile_ids[tiles], known.tile_ids[partner[tiles]])
            leaks.append(Leak(kind, held_out.name, known.name, np.stack(ids, axis=1)))
    return leaks


def find_pairs_leaks(
    tiles: Mapping[str, TileSet],
    pairs: Iterable[tuple[str, str]],
    *,
    same_names: bool,
) -> Leaks:
    """Leaks between sets of tiles.

    Args:
        tiles: Name -> tiles.
        pairs: Names of tiles that are known and of tiles that must be new.
        same_names: Whether equal place ids mean one place.

    Returns:
        Both names with "_" between -> leaks.
    """
    return {
        f"{known}_{held_out}": find_leaks(
            tiles[known], tiles[held_out], same_names=same_names
        )
        for known, held_out in pairs
    }


def _partners(known: Names, held_out: Names) -> Integer[np.ndarray, " _"]:
    """Position of the first tile with the same value, -1 where there is none."""
    values, first = np.unique(known, return_index=True)
    found = pd.Index(values).get_indexer(pd.Index(held_out))
    return np.where(found >= 0, first[found], -1)


def find_known(
    tiles: TileSet, held_out: Iterable[TileSet], *, same_names: bool
) -> Integer[np.ndarray, " some"]:
    """Tiles of which a held-out tile would be known, in any of the three ways.

    Args:
        tiles: Tiles to pre-train on.
        held_out: Tiles that must be new.
        same_names: Whether equal place ids mean one place.

    Returns:
        Positions of the former.
    """
    is_known = np.zeros(len(tiles.tile_ids), bool)
    for others in held_out:
        is_known |= pd.Index(tiles.contents).isin(others.contents)
        if same_names:
            is_known |= pd.Index(tiles.place_ids).isin(others.place_ids)
        is_known[overlapping(tiles.footprints, others.footprints)[0]] = True
    return np.flatnonzero(is_known)


def find_watched_leaks(
    pretrain: TileSet, val_fracs: Mapping[str, float], seed: int
) -> Leaks:
    """Leaks between what a pre-training trains on and what it is watched on.

    Where there is one place only it is watched on its training tiles, which it says;
    that is no leak.

    Args:
        pretrain: All tiles of the role.
        val_fracs: Name -> share of the places that are watched.
        seed: Seed of their choice.

    Returns:
        "watched_" and the name -> leaks.
    """
    leaks = {}
    for name, share in val_fracs.items():
        places = pd.DataFrame({"place_id": pretrain.place_ids})
        train, val, watched = choose_tiles(places, share, seed)
        if watched == "val":
            known = pretrain.take(train, "tiles that pre-training trains on")
            held_out = pretrain.take(val, "tiles that pre-training is watched on")
            found = find_leaks(known, held_out, same_names=True)
            leaks[f"watched_{name}"] = found
    return leaks


def summarise(tiles: Mapping[str, TileSet], leaks: Leaks) -> dict[str, dict[str, Any]]:
    """The numbers checked, as a metrics file holds them.

    Args:
        tiles: Name -> tiles.
        leaks: Name of a pair -> its leaks.

    Returns:
        "checked": name -> tiles and how many have a footprint; "shared": pair -> kind
        -> held-out tiles that leak, of all kinds.
    """
    checked = {
        name: {
            "tiles": len(found.tile_ids),
            "georeferenced": int((~shapely.is_missing(found.footprints)).sum()),
        }
        for name, found in tiles.items()
    }
    shared = {
        pair: dict.fromkeys(KINDS, 0) | {leak.kind: len(leak.pairs) for leak in found}
        for pair, found in leaks.items()
    }
    return {"checked": checked, "shared": shared}


def drop_shared_ground(split: pd.Series, footprints: Footprints) -> pd.Series:
    """Take tiles out of use that lie on ground of tiles held out from them.

    Training tiles give way to validation and test tiles, validation tiles to test
    tiles: what is tested on stays as it is.

    Args:
        split: "train", "val", "test" or "" of every tile.
        footprints: Ground of each.

    Returns:
        The split with "" for tiles that had to go.

    Raises:
        ValueError: If no tile of a split would be left.
    """
    kept = split.copy()
    for known, held_out in (("train", "val"), ("train", "test"), ("val", "test")):
        ours, theirs = (np.flatnonzero(split == name) for name in (known, held_out))
        shared, _ = overlapping(footprints[ours], footprints[theirs])
        kept.iloc[ours[np.unique(shared)]] = ""
        if not (kept == known).any():
            raise ValueError(
                f"all {len(ours)} {known} tiles lie on ground of {held_out} tiles; "
                "add scenes of other ground, or take those of one ground as one scene"
            )
    return kept
