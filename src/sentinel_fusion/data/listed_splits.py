"""Splits by the lists of a user or a benchmark, inside one group of a data set."""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from sentinel_fusion.data.patch_lists import PatchListError, is_listed, patch_key
from sentinel_fusion.data.splits import draw_places


def split_by_lists(
    index: pd.DataFrame,
    lists: Mapping[str, frozenset[str]],
    *,
    val_frac: float,
    rng: np.random.Generator,
) -> pd.Series:
    """Assign the tiles of listed patches, and of their group, to train, val or test.

    Without a list of "train", what is not listed trains; without one of "val", places
    are drawn among the training ones. A list may cut a place in two: that is its
    author's choice, which the leakage check shows.

    Args:
        index: One row a tile with "source_file", "place_id", "group" and "majority".
        lists: Split -> keys of patches or scenes; "test" among them.
        val_frac: Share of the training places to hold out where no list names any.
        rng: Source of that draw.

    Returns:
        "train", "val", "test", or "" for tiles that no split takes; index as given.

    Raises:
        PatchListError: If no tile is listed for testing, those listed are of several
            groups, or none is left to train on.
    """
    keys = {file: patch_key(file) for file in index["source_file"].unique()}
    split = pd.Series("", index=index.index, name="split")
    for name, listed in lists.items():
        named = {file for file, key in keys.items() if is_listed(key, listed)}
        split[index["source_file"].isin(named)] = name
    if not (split == "test").any():
        raise PatchListError(
            f"{len(lists['test'])} lines name what to test on, but no tile is from "
            "there; mend split.list"
        )
    groups = sorted(index.loc[split != "", "group"].unique())
    if len(groups) > 1:
        raise PatchListError(
            f"the lists of split.list must name patches of one group, got "
            f"{', '.join(groups)}; for one against the other use protocol A or B"
        )
    if "train" not in lists:
        split[(split == "") & (index["group"] == groups[0])] = "train"
    if not (split == "train").any():
        raise PatchListError("the lists of split.list leave no tile to train on")
    if "val" not in lists:
        rows = index[split == "train"]
        drawn = draw_places(rows, val_frac, rng, "val")
        split[(split == "train") & index["place_id"].isin(drawn)] = "val"
    return split
