"""Splits by place, and nested stratified label subsets.

A label subset is a prefix of one permutation of the training tiles a seed, so that the
1 % tiles are among the 10 % tiles, and every arm sees the same ones.
"""

import logging
from collections.abc import Sequence

import numpy as np
import pandas as pd
from jaxtyping import Bool, Integer, Shaped

_LOG = logging.getLogger(__name__)
PROTOCOLS = {
    "A": ("validation", "test"),
    "B": ("test", "validation"),
    "C": ("test", "test"),
    "holdout": ("train", "test"),
    "places": None,
}
"""Protocol -> the group to train on and the one to test on: A as P2 and most
reproductions of DFC2020, B as P1, C inside its larger group as Copernicus-Bench,
"holdout" by the published scenes of SEN12MS; "places" splits any data by place."""
COPERNICUS_PATCHES = {"train": 3156, "val": 986, "test": 986}
"""Patches of protocol C where no list names them; Copernicus-Bench, arXiv 2503.11849.
"""
_CANDIDATES = 200


def split_places(
    index: pd.DataFrame,
    *,
    protocol: str,
    val_frac: float,
    test_frac: float,
    rng: np.random.Generator,
) -> pd.Series:
    """Assign every labelled tile to train, val or test, whole places at a time.

    Validation places (and test places where the protocol does not fix them) are drawn
    so that their class mix resembles that of the places they are drawn from.

    Args:
        index: One row a tile with "place_id", "group" and "majority".
        protocol: A key of ``PROTOCOLS``.
        val_frac: Share of the training places to hold out for selection, in (0, 1);
            protocol C has its own.
        test_frac: Share of all places to test on; used by protocol "places" only.
        rng: Source of the draw.

    Returns:
        "train", "val", "test", or "" for tiles of other groups; index as given.

    Raises:
        ValueError: If the protocol is unknown, a group has no tile, or there are too
            few places.
    """
    if protocol not in PROTOCOLS:
        raise ValueError(
            f"split.protocol must be one of {', '.join(PROTOCOLS)}, got {protocol!r}"
        )
    if protocol == "C":
        test_frac, val_frac = _copernicus_fracs()
    is_train, is_test = _sides(index, protocol, test_frac, rng)
    split = pd.Series("", index=index.index, name="split")
    split[is_test] = "test"
    split[is_train] = "train"
    val = draw_places(index[is_train], val_frac, rng, "val")
    split[is_train & index["place_id"].isin(val)] = "val"
    return split


def _sides(
    index: pd.DataFrame, protocol: str, test_frac: float, rng: np.random.Generator
) -> tuple[pd.Series, pd.Series]:
    """What to train and select on, and what to test on."""
    groups = PROTOCOLS[protocol] or (None, None)
    masks = []
    for group in groups:
        rows = index["group"] == group if group else index["place_id"].notna()
        if not rows.any():
            present = ", ".join(sorted(index["group"].unique()))
            raise ValueError(
                f"split.protocol {protocol} needs tiles of group {group!r}, got "
                f"only {present}; set split.protocol to places"
            )
        masks.append(rows)
    if groups[0] != groups[1]:
        return masks[0], masks[1]
    test = draw_places(index[masks[0]], test_frac, rng, "test")
    is_drawn = index["place_id"].isin(test)
    return masks[0] & ~is_drawn, masks[0] & is_drawn


def _copernicus_fracs() -> tuple[float, float]:
    """Share of the places to test on, and of the others to select on."""
    patches = COPERNICUS_PATCHES
    rest = patches["train"] + patches["val"]
    return patches["test"] / (rest + patches["test"]), patches["val"] / rest


def draw_places(
    rows: pd.DataFrame, share: float, rng: np.random.Generator, name: str
) -> list[str]:
    """Places whose class mix resembles that of all.

    Args:
        rows: One row a tile with "place_id" and "majority".
        share: Share of the places to draw, in (0, 1).
        rng: Source of the draw.
        name: Split they are for, for the message.

    Returns:
        Ids of the places; at least one, and one is left.

    Raises:
        ValueError: If there are fewer than 2 places.
    """
    mix = pd.crosstab(rows["place_id"], rows["majority"])
    if len(mix) < 2:
        raise ValueError(
            f"a {name} split needs at least 2 places to draw from, got {len(mix)}; "
            "add places (protocol places needs 3 in all, A and B 2 to train on); for "
            "DFC2020 lower download.dfc2020.block_patches"
        )
    count = min(len(mix) - 1, max(1, round(share * len(mix))))
    wanted = mix.sum() / mix.to_numpy().sum()
    best: tuple[float, Sequence[int]] | None = None
    for _ in range(_CANDIDATES):
        places = rng.permutation(len(mix))[:count]
        drawn = mix.iloc[places].sum()
        distance = float((drawn / max(1, drawn.sum()) - wanted).abs().sum())
        if best is None or distance < best[0]:
            best = (distance, places.tolist())
    assert best is not None
    return mix.index[best[1]].tolist()


def label_order(
    classes: Integer[np.ndarray, " tiles"], rng: np.random.Generator
) -> Integer[np.ndarray, " tiles"]:
    """A permutation whose every prefix is a stratified label subset.

    The first tiles are one of each class, the commonest class first; the others follow
    so that each class grows in proportion to its size.

    Args:
        classes: Class of each training tile.
        rng: Source of the draw.

    Returns:
        Positions in ``classes``, each once.
    """
    shuffled = rng.permutation(len(classes))
    names, position = np.unique(classes[shuffled], return_inverse=True)
    quota = np.empty(len(classes))
    for code in range(len(names)):
        members = np.flatnonzero(position == code)
        quota[members] = (np.arange(len(members)) + 0.5) / len(members)
        # below 0, the larger the class the further: heads come first, by class size
        quota[members[0]] = -len(members)
    return np.asarray(shuffled[np.argsort(quota, kind="stable")])


def subset_size(label_frac: float, num_tiles: int) -> int:
    """How many tiles a label fraction stands for.

    Args:
        label_frac: Share of the training tiles, in (0, 1].
        num_tiles: Training tiles in all.

    Returns:
        The share rounded to a whole number, at least 1.
    """
    return max(1, round(label_frac * num_tiles))


def order_table(
    train: pd.DataFrame, seeds: Sequence[int], labels: str = "given"
) -> pd.DataFrame:
    """The label order of every seed, as the split stage writes it.

    With permuted labels every training tile gets the label of another, drawn anew for
    each seed: a control, in which there is nothing to learn.

    Args:
        train: Training rows with "row" and "majority".
        seeds: One permutation each.
        labels: "given" or "permuted".

    Returns:
        Columns "seed", "rank", "row" and "label_row", the tile whose label the tile of
        "row" is trained with; sorted by seed and rank.
    """
    classes: Shaped[np.ndarray, " tiles"] = train["majority"].to_numpy()
    rows = train["row"].to_numpy()
    orders = []
    for seed in seeds:
        source = np.arange(len(rows))
        if labels == "permuted":
            source = np.random.default_rng([seed, len(rows), 1]).permutation(source)
        rng = np.random.default_rng([seed, len(rows)])
        order = label_order(classes[source], rng)
        orders.append(
            pd.DataFrame(
                {
                    "seed": seed,
                    "rank": np.arange(len(order)),
                    "row": rows[order],
                    "label_row": rows[source[order]],
                }
            )
        )
    return pd.concat(orders, ignore_index=True)


def hold_out_places(
    places: Shaped[np.ndarray, " tiles"], share: float, rng: np.random.Generator
) -> Bool[np.ndarray, " tiles"]:
    """Mark the unlabelled tiles of some places, to watch a pre-training on.

    Args:
        places: Place of each tile.
        share: Share of the places to hold out, in (0, 1).
        rng: Source of the draw.

    Returns:
        True for held-out tiles; none where there is only one place.
    """
    names = np.unique(places)
    count = min(len(names) - 1, max(1, round(share * len(names))))
    return np.isin(places, rng.permutation(names)[:count])


def choose_tiles(
    index: pd.DataFrame, val_frac: float, seed: int
) -> tuple[Integer[np.ndarray, " train"], Integer[np.ndarray, " val"], str]:
    """Which tiles train and which are watched.

    Args:
        index: Tile index with "place_id".
        val_frac: Share of the places held out to be watched.
        seed: Seed of their choice.

    Returns:
        Rows to train on, rows to watch, and "val"; where there is one place only its
        tiles serve both and the last is "train".
    """
    places = index["place_id"].to_numpy()
    is_val = hold_out_places(places, val_frac, np.random.default_rng(seed))
    if is_val.any():
        return np.flatnonzero(~is_val), np.flatnonzero(is_val), "val"
    _LOG.warning("one place only: retrieval is watched on the training tiles")
    return np.arange(len(index)), np.arange(len(index)), "train"
