"""Cut a strip into tiles and refuse bad ones by reason."""

from collections import Counter
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Integer, Shaped, UInt8

from sentinel_fusion.bands import encode_s1, encode_s2
from sentinel_fusion.classes import CLASS_NAMES, IGNORE_INDEX, NUM_CLASSES
from sentinel_fusion.data.rasters import Strip
from sentinel_fusion.data.tiling.rules import TileRules


@dataclass(frozen=True)
class CutStrip:
    """The tiles of a strip.

    Args:
        tiles: Layer -> good tiles as stored, row by row.
        columns: Column of the index -> a value a good tile.
        rejected: Reason -> number of tiles refused for it.
    """

    tiles: dict[str, Shaped[np.ndarray, "tiles ..."]]
    columns: dict[str, Shaped[np.ndarray, " tiles"]]
    rejected: Counter[str]


def cut_strip(strip: Strip, rules: TileRules) -> CutStrip:
    """The tiles of a strip, without those that lack too many pixels or labels.

    Args:
        strip: Strip at least as wide and high as a tile.
        rules: How it is cut and what is refused.

    Returns:
        Good tiles, their part of the index, and the counts of the others.
    """
    tiles = {
        "s1": _windows(encode_s1(strip.s1), rules),
        # as read already, but for rasters of another whole-number type
        "s2": _windows(
            strip.s2 if strip.s2.dtype == np.uint16 else encode_s2(strip.s2), rules
        ),
    }
    count = len(tiles["s1"])
    shares = {
        "s1_invalid": _shares(strip.s1_invalid, rules, count),
        "s2_invalid": _shares(strip.s2_invalid, rules, count),
    }
    reason = np.full(count, "", dtype=object)
    for name, share in shares.items():
        reason[(reason == "") & (share > rules.max_invalid_share)] = name
    columns = _positions(strip, count, rules)
    columns["valid_share"] = 1 - np.maximum(*shares.values())
    if strip.label is not None:
        tiles["label"] = _windows(strip.label, rules)
        columns |= _describe_labels(tiles["label"], rules)
        ignored = columns["label_share"] < rules.min_label_share
        reason[(reason == "") & ignored] = "label_ignored"
    keep = np.asarray(reason == "", bool)
    return CutStrip(
        tiles={name: _pick(layer, keep) for name, layer in tiles.items()},
        columns={name: column[keep] for name, column in columns.items()},
        rejected=Counter(reason[~keep]),
    )


def _windows(
    pixels: Shaped[np.ndarray, "rows cols *bands"], rules: TileRules
) -> Shaped[np.ndarray, "tiles size size *bands"]:
    view = np.lib.stride_tricks.sliding_window_view(
        pixels, (rules.size_px, rules.size_px), axis=(0, 1)
    )[:: rules.stride_px, :: rules.stride_px]
    tiles = view.reshape(-1, *view.shape[2:])
    return np.moveaxis(tiles, (-2, -1), (1, 2))


def _shares(
    pixels: Bool[np.ndarray, "rows cols"], rules: TileRules, count: int
) -> Float[np.ndarray, " tiles"]:
    if not pixels.any():
        return np.zeros(count)
    return np.asarray(_windows(pixels, rules).mean(axis=(1, 2)))


def _pick(
    tiles: Shaped[np.ndarray, "tiles ..."], keep: Bool[np.ndarray, " tiles"]
) -> Shaped[np.ndarray, "_kept ..."]:
    return np.ascontiguousarray(tiles if keep.all() else tiles[keep])


def _positions(
    strip: Strip, count: int, rules: TileRules
) -> dict[str, Shaped[np.ndarray, " tiles"]]:
    across = (strip.s1.shape[1] - rules.size_px) // rules.stride_px + 1
    number = np.arange(count)
    return {
        "row_px": strip.row_px + number // across * rules.stride_px,
        "col_px": number % across * rules.stride_px,
        "size_px": np.full(count, rules.size_px),
    }


def _describe_labels(
    label: UInt8[np.ndarray, "tiles size size"], rules: TileRules
) -> dict[str, Shaped[np.ndarray, " tiles"]]:
    counts: Integer[np.ndarray, "tiles classes"] = np.stack(
        [(label == code).sum(axis=(1, 2)) for code in range(NUM_CLASSES)], axis=1
    )
    pixels = rules.size_px**2
    fractions = counts / pixels
    described: dict[str, Shaped[np.ndarray, " tiles"]] = {
        f"fraction_{name}": fractions[:, code] for code, name in enumerate(CLASS_NAMES)
    }
    for code, name in enumerate(CLASS_NAMES):
        described[f"has_{name}"] = fractions[:, code] >= rules.min_class_share
    majority = counts.argmax(axis=1)
    described["majority"] = np.where(counts.any(axis=1), majority, IGNORE_INDEX)
    described["label_share"] = counts.sum(axis=1) / pixels
    return described
