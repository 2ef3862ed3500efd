"""What a data set holds, in numbers and bars: classes, places, seasons, rejections.

The functions take the index of a tile store, a row a tile, with the column "split"
joined where the store is split.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from jaxtyping import Shaped
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.ticker import MaxNLocator

from sentinel_fusion.classes import (
    CLASS_COLOURS,
    CLASS_NAMES,
    IGNORE_INDEX,
    NUM_CLASSES,
)
from sentinel_fusion.data.patches import SEASONS, UNKNOWN_SEASON, name_some
from sentinel_fusion.data.tiling.rules import UNREADABLE
from sentinel_fusion.report.captions import wrap_caption

SPLITS = {"train": "train", "val": "val", "test": "test", "": "unused"}
"""Value of the column "split" -> its name in numbers and figures."""
SPLIT_COLOURS = dict(
    zip(SPLITS.values(), ("#0072b2", "#e69f00", "#009e73", "#999999"), strict=True)
)
_NEIGHBOURS = ": intervals of scores treat them as independent and may be too narrow"
_PLAIN = "#666666"
_PAD_IN = 0.08
_LINE_IN = 0.15


def summarise_data(index: pd.DataFrame, stats: Mapping[str, Any]) -> dict[str, Any]:
    """Numbers of one tile store that ``dvc metrics diff`` can compare.

    Args:
        index: Columns "place_id", "season" and "crs", for labels "majority", for
            splits "split".
        stats: The store's stats.json.

    Returns:
        "tiles", "places", "georeferenced" (1 where every tile has a CRS, else 0), tiles
        by "seasons", tiles or patches by reason under "rejected", "mean_s1" in dB and
        "mean_s2" in reflectance x 10000 by band; with labels also tiles by "classes"
        (their majority), with splits "tiles", "places" and classes of each under
        "splits". Names are always the same, counts may be 0.
    """
    numbers: dict[str, Any] = {
        **_counts(index),
        "georeferenced": int((index["crs"] != "").all()),
        "seasons": _season_counts(index["season"]).to_dict(),
        "rejected": {**stats["rejected"], **_unreadable(stats)},
    }
    for sensor, bands in stats["bands"].items():
        means = {name: round(band["mean"], 2) for name, band in bands.items()}
        numbers[f"mean_{sensor}"] = means
    if "majority" in index:
        numbers["classes"] = class_counts(index["majority"]).to_dict()
    if "split" in index:
        parts = {name: index[index["split"] == code] for code, name in SPLITS.items()}
        numbers["splits"] = {
            name: _counts(rows) | class_counts(rows["majority"]).to_dict()
            for name, rows in parts.items()
        }
    return numbers


def _unreadable(stats: Mapping[str, Any]) -> dict[str, int]:
    """A store counts these reasons only where it had them."""
    return {reason: stats["rejected"].get(reason, 0) for reason in UNREADABLE.values()}


def _counts(index: pd.DataFrame) -> dict[str, int]:
    return {"tiles": len(index), "places": int(index["place_id"].nunique())}


def _season_counts(seasons: pd.Series) -> pd.Series:
    counted = seasons.value_counts()
    return counted.reindex([*SEASONS, UNKNOWN_SEASON], fill_value=0).astype(int)


def class_counts(majority: pd.Series) -> pd.Series:
    """Tiles by the class that most of their pixels have.

    Args:
        majority: Class of each tile; tiles without one are left out.

    Returns:
        Class name -> number of tiles, every class in its order.
    """
    labelled = majority[majority != IGNORE_INDEX]
    counts = np.bincount(labelled.to_numpy(np.int64), minlength=NUM_CLASSES)
    return pd.Series(counts, index=list(CLASS_NAMES))


def describe_places(
    indices: Mapping[str, pd.DataFrame], block_px: Mapping[str, int]
) -> str:
    """What a reader must know of places that cannot be told on a map.

    Args:
        indices: Role -> index with "place_id" and "crs".
        block_px: Role -> edge of the blocks of scenes that its places are, or 0.

    Returns:
        A note for captions; "" where every raster has its georeference and no place is
        a block.
    """
    notes = [
        f"; {role} places are neighbouring blocks of {px} px of scenes"
        f"{_NEIGHBOURS if role == 'labelled' else ''}"
        for role, px in block_px.items()
        if px
    ]
    for role, index in indices.items():
        lacks = index["crs"] == ""
        blocks = index.loc[lacks, "place_id"].str.fullmatch(r".*-b\d+").any()
        if lacks.any():
            what = "blocks of successive patch numbers" if blocks else "as named"
            notes.append(f"; {role} rasters lack georeference, places are {what}")
    return "".join(notes)


def draw_classes(index: pd.DataFrame, *, caption: str) -> Figure:
    """Bars of tiles by class, a panel a split that has tiles.

    Args:
        index: Columns "majority" and "split".
        caption: Data and protocol, written below.

    Returns:
        The figure; all panels share one scale.
    """
    parts = {
        name: index.loc[index["split"] == code, "majority"]
        for code, name in SPLITS.items()
        if (index["split"] == code).any()
    }
    figure, panels = _panels(1, len(parts), caption, panel_in=(2.5, 2.9), share_y=True)
    counts = {name: class_counts(majority) for name, majority in parts.items()}
    longest = max(int(count.max()) for count in counts.values())
    for panel, (name, count) in zip(panels[0], counts.items(), strict=True):
        bars = panel.barh(CLASS_NAMES, count, color=CLASS_COLOURS)
        panel.bar_label(bars, padding=2, fontsize=7)
        panel.set_title(f"tiles of {name}: {len(parts[name])}", fontsize=9)
        panel.set(xlim=(0, 1.2 * max(1, longest)), xlabel="tiles by majority class")
    panels[0, 0].invert_yaxis()
    return figure


def draw_places(indices: Mapping[str, pd.DataFrame], *, caption: str) -> Figure:
    """Tiles of every place, largest first, and tiles by season, a row a role.

    Args:
        indices: Role -> index with "place_id" and "season", for splits "split".
        caption: Data and protocol, written below.

    Returns:
        The figure; the places of a split stand together in its colour.
    """
    figure, panels = _panels(len(indices), 2, caption, panel_in=(4.6, 2.5))
    for (places, seasons), (role, index) in zip(panels, indices.items(), strict=True):
        _draw_place_sizes(places, index)
        places.set(title=f"places of {role}: {index['place_id'].nunique()}")
        counts = _season_counts(index["season"])
        bars = seasons.bar(counts.index.tolist(), counts, color=_PLAIN)
        seasons.bar_label(bars, padding=2, fontsize=7)
        seasons.set(title=f"tiles of {role}: {len(index)}", ylabel="tiles")
        seasons.set_ylim(0, 1.15 * counts.max())
        for panel in (places, seasons):
            panel.title.set_fontsize(9)
    return figure


def _draw_place_sizes(panel: Axes, index: pd.DataFrame) -> None:
    is_split = "split" in index
    parts = SPLITS if is_split else {"": "all"}
    start = 0
    for code, name in parts.items():
        rows = index[index["split"] == code] if is_split else index
        sizes: Shaped[np.ndarray, " places"] = (
            rows["place_id"].value_counts().to_numpy()
        )
        if not sizes.size:
            continue
        panel.stairs(
            sizes,
            start + np.arange(len(sizes) + 1),
            fill=True,
            color=SPLIT_COLOURS[name] if is_split else _PLAIN,
            label=f"{name} ({len(sizes)})",
        )
        start += len(sizes)
    panel.set(xlabel="places, largest first", ylabel="tiles a place")
    panel.set_xlim(0, start)
    panel.xaxis.set_major_locator(MaxNLocator(nbins=6, integer=True))
    low, high = panel.get_ylim()
    panel.set_ylim(min(0, low), 1.25 * high)
    if is_split:
        panel.legend(ncols=4, loc="upper center", fontsize=7, frameon=False)


def draw_rejected(stats: Mapping[str, Mapping[str, Any]], *, caption: str) -> Figure:
    """Bars of what did not become a tile, by reason, a panel a role.

    Args:
        stats: Role -> stats.json of its store; bad patches are named in the caption.
        caption: Data and protocol, written below.

    Returns:
        The figure.
    """
    named = [
        f"; {role}, {reason.replace('_', ' ')}: {name_some(names)}"
        for role, store in stats.items()
        for reason, names in store.get("bad_patches", {}).items()
    ]
    caption += "".join(named)
    reasons = list(
        dict.fromkeys(r for store in stats.values() for r in store["rejected"])
    )
    figure, panels = _panels(
        1,
        len(stats),
        caption,
        panel_in=(4.2, 0.8 + 0.3 * len(reasons)),
        share_y=True,
    )
    titles = [reason.replace("_", " ") for reason in reasons]
    for panel, (role, store) in zip(panels[0], stats.items(), strict=True):
        counts = [store["rejected"].get(reason, 0) for reason in reasons]
        bars = panel.barh(titles, counts, color="#b2182b")
        panel.bar_label(bars, padding=3, fontsize=8)
        panel.set_title(f"tiles kept of {role}: {store['tiles']}", fontsize=9)
        panel.set(
            xlim=(0, 1.2 * max(1, *counts)), xlabel="tiles, or patches where it says so"
        )
        panel.xaxis.set_major_locator(MaxNLocator(nbins=5, integer=True))
    panels[0, 0].invert_yaxis()
    return figure


def _panels(
    num_rows: int,
    num_columns: int,
    caption: str,
    *,
    panel_in: tuple[float, float],
    share_y: bool = False,
) -> tuple[Figure, Shaped[np.ndarray, "rows columns"]]:
    """Empty panels above a wrapped caption."""
    width = max(6.0, panel_in[0] * num_columns)
    text = wrap_caption(caption, width, font_pt=8)
    more_lines = max(0, text.count("\n") - 1)
    height = panel_in[1] * num_rows + 0.4 + _LINE_IN * more_lines
    layout = ConstrainedLayoutEngine(w_pad=_PAD_IN, h_pad=_PAD_IN)
    figure = Figure((width, height), layout=layout)
    panels = figure.subplots(num_rows, num_columns, squeeze=False, sharey=share_y)
    figure.supxlabel(text, fontsize=8)
    for panel in panels.flat:
        panel.tick_params(labelsize=8)
        panel.xaxis.label.set_fontsize(8)
        panel.yaxis.label.set_fontsize(8)
        panel.spines[["top", "right"]].set_visible(False)
    return figure, panels
