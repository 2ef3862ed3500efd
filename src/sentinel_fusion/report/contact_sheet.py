"""Random tiles of a store as pictures, to see with one's own eyes what it holds."""

from collections.abc import Mapping
from math import ceil
from typing import Any

import numpy as np
import pandas as pd
from jaxtyping import Float, Int16, Integer, UInt16
from matplotlib.figure import Figure

from sentinel_fusion.classes import CLASS_COLOURS, CLASS_NAMES, IGNORE_INDEX
from sentinel_fusion.data.patches import UNKNOWN_SEASON
from sentinel_fusion.report.captions import wrap_caption
from sentinel_fusion.report.maps import radar_composite, true_colour

_COLUMNS = 4
_PICTURE_IN, _GAP_IN, _TEXT_IN = 1.15, 0.16, 0.42
_TITLE_IN, _LINE_IN, _EDGE_IN = 0.35, 0.13, 0.08
_NAME_GAP_IN = 0.05
_LONGEST_NAME = 30
_FRAME = "#666666"


def random_tiles(
    num_tiles: int, count: int, rng: np.random.Generator
) -> Integer[np.ndarray, " drawn"]:
    """Draw tiles by chance, each at most once.

    Args:
        num_tiles: Tiles of the store.
        count: Tiles wanted, at least 1.
        rng: Source of the draw.

    Returns:
        Ascending positions; all tiles where there are fewer than ``count``.
    """
    drawn = rng.choice(num_tiles, min(count, num_tiles), replace=False)
    return np.asarray(np.sort(drawn))


def draw_contact_sheet(
    reflectance: UInt16[np.ndarray, "tiles rows cols 13"],
    centi_db: Int16[np.ndarray, "tiles rows cols 2"],
    index: pd.DataFrame,
    *,
    title: str,
    caption: str,
) -> Figure:
    """Sentinel-2 and Sentinel-1 of every tile side by side, its name below.

    Args:
        reflectance: Stored Sentinel-2 tiles.
        centi_db: Stored Sentinel-1 tiles.
        index: Row of each tile: "place_id" and "season", for labels "majority".
        title: Written above.
        caption: Data, written below.

    Returns:
        The figure; labelled tiles are framed in the colour of their majority class.
    """
    num_rows = ceil(len(index) / _COLUMNS)
    cell_in = (2 * _PICTURE_IN + _GAP_IN, _PICTURE_IN + _TEXT_IN)
    width = _COLUMNS * cell_in[0] + _GAP_IN
    text = (
        "left Sentinel-2 in true colour, right Sentinel-1 as VV, VH, VV - VH, one "
        f"stretch for all; {caption}"
    )
    wrapped = wrap_caption(text, width, font_pt=7)
    below = _EDGE_IN + _LINE_IN * (2 + wrapped.count("\n"))
    height = _TITLE_IN + num_rows * cell_in[1] + below
    figure = Figure((width, height))
    pictures = zip(true_colour(reflectance), radar_composite(centi_db), strict=True)
    tiles = zip(pictures, index.to_dict("records"), strict=True)
    for number, (pair, tile) in enumerate(tiles):
        row, column = divmod(number, _COLUMNS)
        left = _GAP_IN + column * cell_in[0]
        top = height - _TITLE_IN - row * cell_in[1]
        _draw_tile(figure, pair, tile, left_in=left, top_in=top)
    figure.text(0.5, 1 - _EDGE_IN / height, title, ha="center", va="top", fontsize=10)
    figure.text(0.5, _EDGE_IN / height, wrapped, ha="center", va="bottom", fontsize=7)
    return figure


def _draw_tile(
    figure: Figure,
    pair: tuple[Float[np.ndarray, "rows cols 3"], Float[np.ndarray, "rows cols 3"]],
    tile: Mapping[Any, Any],
    *,
    left_in: float,
    top_in: float,
) -> None:
    width, height = figure.get_size_inches()
    bottom_in = top_in - _PICTURE_IN
    size = (_PICTURE_IN / width, _PICTURE_IN / height)
    for number, picture in enumerate(pair):
        side_in = left_in + number * _PICTURE_IN
        panel = figure.add_axes((side_in / width, bottom_in / height, *size))
        panel.imshow(picture, interpolation="nearest")
        panel.set(xticks=[], yticks=[])
        panel.spines[:].set(color=_colour(tile), linewidth=2.5)
    figure.text(
        (left_in + _PICTURE_IN) / width,
        (bottom_in - _NAME_GAP_IN) / height,
        _name(tile),
        ha="center",
        va="top",
        fontsize=7,
    )


def _class_of(tile: Mapping[Any, Any]) -> int | None:
    code = int(tile.get("majority", IGNORE_INDEX))
    return None if code == IGNORE_INDEX else code


def _colour(tile: Mapping[Any, Any]) -> str:
    code = _class_of(tile)
    return _FRAME if code is None else CLASS_COLOURS[code]


def _name(tile: Mapping[Any, Any]) -> str:
    """Class or season, and the place, whose end tells it from its neighbours."""
    place = str(tile["place_id"])
    if len(place) > _LONGEST_NAME:
        place = "…" + place[-_LONGEST_NAME:]
    code = _class_of(tile)
    season = str(tile["season"])
    facts = [] if code is None else [CLASS_NAMES[code]]
    if season != UNKNOWN_SEASON:
        facts.append(season)
    return "\n".join([", ".join(facts) or "no class, season unknown", place])
