"""The qualitative figure: tiles, their labels, and what each arm predicts for them."""

from collections.abc import Mapping
from math import ceil
from textwrap import fill
from typing import Any

import numpy as np
from jaxtyping import Float, Int16, Integer, Shaped, UInt8, UInt16
from matplotlib.colors import to_rgba_array
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from sentinel_fusion.bands import (
    S1_NAN,
    S1_UNITS_PER_DB,
    S2_NODATA,
    band_indices,
)
from sentinel_fusion.classes import (
    CLASS_COLOURS,
    CLASS_NAMES,
    IGNORE_INDEX,
    NUM_CLASSES,
)
from sentinel_fusion.report.captions import wrap_caption

SHOWN_SHARE = 0.05
"""Share of a tile from which the eye finds a class in a small map."""
WHITE_REFLECTANCE = 3000
"""Reflectance x 10000 drawn white; what is brighter is cloud, snow or glare."""
GAMMA = 1.4
"""Brightens the dark half, where vegetation and water lie."""
RADAR_LIMITS_DB = ((-23.0, -4.0), (-32.0, -11.0), (2.0, 14.0))
"""Drawn black and full: VV, VH, VV - VH; VV and VH near DFC2020's 1st and 99th
percentiles."""
_MISSING = 0.6
_NO_LABEL: dict[str, Any] = {
    "facecolor": "#f4f4f4",
    "edgecolor": "#b0b0b0",
    "hatch": "//////",
    "linewidth": 0.4,
}
_CELL_IN, _GAP_IN, _EDGE_IN = 1.25, 0.06, 0.1
_LINE_IN, _SCORE_IN, _CAPTION_IN, _LEGEND_ENTRY_IN = 0.15, 0.22, 0.45, 0.9
_TITLE_CHARACTERS = 18


def choose_shown(
    fractions: Float[np.ndarray, "tiles classes"],
    places: Shaped[np.ndarray, " tiles"],
    count: int,
) -> Integer[np.ndarray, " chosen"]:
    """Tiles that show many classes, from different places, without any chance.

    The first tile is the one whose class fractions have the highest entropy. Each
    further one comes from a place not chosen yet and has the most classes that no
    chosen tile shows; among equals, the highest entropy. A class is shown from
    ``SHOWN_SHARE`` of a tile. Remaining ties go to the lowest index.

    Args:
        fractions: Share of each class in each of at least one tile; a row may sum to
            less than 1, its entropy is that of the labelled part.
        places: Place of each tile.
        count: Number of tiles wanted, at least 1.

    Returns:
        Indices in the order of choice; fewer than ``count`` where there are fewer
        places.

    Raises:
        ValueError: If ``count`` is below 1.
    """
    if count < 1:
        raise ValueError(f"count of tiles must be >= 1, got {count}")
    entropy = _entropy(fractions)
    shows = fractions >= SHOWN_SHARE
    chosen = [int(np.argmax(entropy))]
    while len(chosen) < count:
        is_taken = np.isin(places, places[chosen])
        if is_taken.all():
            break
        num_new = (shows & ~shows[chosen].any(axis=0)).sum(axis=1)
        order = np.lexsort((-entropy, -num_new, is_taken))  # stable, last key leads
        chosen.append(int(order[0]))
    return np.array(chosen, np.int64)


def _entropy(
    fractions: Float[np.ndarray, "tiles classes"],
) -> Float[np.ndarray, " tiles"]:
    total = np.maximum(fractions.sum(axis=1, keepdims=True), np.finfo(float).tiny)
    share = fractions / total
    logs = np.log(np.where(share > 0, share, 1))
    entropy = -(share * logs).sum(axis=1)
    return np.asarray(entropy.round(9))  # or the order of classes would break ties


def true_colour(
    reflectance: UInt16[np.ndarray, "*tiles rows cols 13"],
) -> Float[np.ndarray, "*tiles rows cols 3"]:
    """Sentinel-2 as the eye would see it, with one stretch for all tiles.

    Args:
        reflectance: Stored tiles, reflectance x 10000.

    Returns:
        Red, green and blue, 0..1; grey where no band was measured.
    """
    rgb = reflectance[..., band_indices("s2", ("B04", "B03", "B02"))]
    image = np.clip(rgb / WHITE_REFLECTANCE, 0, 1) ** (1 / GAMMA)
    image[(reflectance == S2_NODATA).all(axis=-1)] = _MISSING
    return np.asarray(image)


def radar_composite(
    centi_db: Int16[np.ndarray, "*tiles rows cols 2"],
) -> Float[np.ndarray, "*tiles rows cols 3"]:
    """Sentinel-1 as VV, VH and their ratio, with one stretch for all tiles.

    Args:
        centi_db: Stored tiles, backscatter in hundredths of a dB.

    Returns:
        Red VV, green VH and blue VV - VH between ``RADAR_LIMITS_DB``, 0..1; grey
        where either was not measured.
    """
    decibel = centi_db[..., band_indices("s1", ("VV", "VH"))] / S1_UNITS_PER_DB
    vv, vh = decibel[..., 0], decibel[..., 1]
    low, high = np.transpose(RADAR_LIMITS_DB)
    image = (np.stack([vv, vh, vv - vh], axis=-1) - low) / (high - low)
    image[(centi_db == S1_NAN).any(axis=-1)] = _MISSING
    return np.asarray(np.clip(image, 0, 1))


def draw_maps(
    reflectance: UInt16[np.ndarray, "tiles rows cols 13"],
    centi_db: Int16[np.ndarray, "tiles rows cols 2"],
    labels: UInt8[np.ndarray, "tiles rows cols"],
    predictions: Mapping[str, UInt8[np.ndarray, "tiles rows cols"]],
    *,
    caption: str,
) -> Figure:
    """A row a tile: Sentinel-2, Sentinel-1, ground truth, and every prediction.

    Args:
        reflectance: Stored Sentinel-2 tiles.
        centi_db: Stored Sentinel-1 tiles.
        labels: Classes of the ground truth, ``IGNORE_INDEX`` where there is none.
        predictions: Column title, such as an arm's name -> classes.
        caption: Data and protocol, written at the bottom.

    Returns:
        The figure; below every predicted map its share of right pixels among the
        tile's labelled ones.

    Raises:
        ValueError: If a map holds a value that is no class.
    """
    class_maps = {"ground truth": labels, **predictions}
    for title, maps in class_maps.items():
        wrong = maps[(maps >= NUM_CLASSES) & (maps != IGNORE_INDEX)]
        if wrong.size:
            raise ValueError(
                f"classes of {title} must be 0..{NUM_CLASSES - 1} or {IGNORE_INDEX} "
                f"where there is no label, got {wrong[0]}"
            )
    images = {
        "Sentinel-2": true_colour(reflectance),
        "Sentinel-1": radar_composite(centi_db),
        **{title: _paint(maps) for title, maps in class_maps.items()},
    }
    figure, panels = _grid(len(labels), list(images))
    for column, pictures in zip(panels.T, images.values(), strict=True):
        for panel, picture in zip(column, pictures, strict=True):
            panel.imshow(picture, interpolation="nearest")
    first = len(images) - len(predictions)
    for column, maps in zip(panels.T[first:], predictions.values(), strict=True):
        for panel, predicted, wanted in zip(column, maps, labels, strict=True):
            panel.set_xlabel(_score(predicted, wanted), fontsize=7, labelpad=2)
    width, height = figure.get_size_inches()
    wrapped = wrap_caption(caption, width, font_pt=7)
    figure.text(0.5, _EDGE_IN / height, wrapped, ha="center", va="bottom", fontsize=7)
    return figure


def _paint(
    maps: UInt8[np.ndarray, "tiles rows cols"],
) -> Float[np.ndarray, "tiles rows cols 4"]:
    """Class colours; ignored pixels are clear and let the panel's hatching through."""
    table = np.zeros((256, 4))
    table[:NUM_CLASSES] = to_rgba_array(CLASS_COLOURS)
    return np.asarray(table[maps])


def _score(
    predicted: UInt8[np.ndarray, "rows cols"], wanted: UInt8[np.ndarray, "rows cols"]
) -> str:
    is_labelled = wanted != IGNORE_INDEX
    if not is_labelled.any():
        return "no label"
    right = (predicted == wanted)[is_labelled].mean()
    return f"{100 * right:.1f} % right"


def _grid(
    num_rows: int, titles: list[str]
) -> tuple[Figure, Shaped[np.ndarray, "rows cols"]]:
    """Empty panels of a fixed size in inches with room for text, and the legend."""
    wrapped = [fill(title, _TITLE_CHARACTERS) for title in titles]
    title_in = _LINE_IN * (1.5 + max(title.count("\n") for title in wrapped))
    width = len(titles) * (_CELL_IN + _GAP_IN) - _GAP_IN + 2 * _EDGE_IN
    legend_columns = min(NUM_CLASSES + 1, int(width / _LEGEND_ENTRY_IN))
    legend_in = _LINE_IN * (0.5 + 1.3 * ceil((NUM_CLASSES + 1) / legend_columns))
    below = _CAPTION_IN + legend_in
    height = title_in + num_rows * (_CELL_IN + _SCORE_IN) + below
    figure = Figure((width, height))
    panels = figure.subplots(num_rows, len(titles), squeeze=False)
    figure.subplots_adjust(
        left=_EDGE_IN / width,
        right=1 - _EDGE_IN / width,
        top=1 - title_in / height,
        bottom=(below + _SCORE_IN) / height,
        wspace=_GAP_IN / _CELL_IN,
        hspace=_SCORE_IN / _CELL_IN,
    )
    for panel in panels.flat:
        panel.set(xticks=[], yticks=[])
        panel.patch.set(**_NO_LABEL)
    for panel, title in zip(panels[0], wrapped, strict=True):
        panel.set_title(title, fontsize=7.5, pad=4)
    entries = [
        Patch(facecolor=colour, edgecolor="black", linewidth=0.4, label=name)
        for name, colour in zip(CLASS_NAMES, CLASS_COLOURS, strict=True)
    ]
    figure.legend(
        handles=[*entries, Patch(**_NO_LABEL, label="no label")],
        loc="lower center",
        bbox_to_anchor=(0.5, _CAPTION_IN / height),
        ncols=legend_columns,
        fontsize=7,
        frameon=False,
    )
    return figure, panels
