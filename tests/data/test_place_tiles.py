from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from tests.builders import write_sen12ms_patch

from sentinel_fusion.bands import S1_NAN
from sentinel_fusion.data.place_tiles import tiles_of_patches, tiles_of_store
from sentinel_fusion.data.sources import sen12ms

PLACES = ["b", "a", "b", "c"]


@pytest.fixture
def store(tmp_path: Path) -> Path:
    """Four tiles of 8 px; tile n holds n dB and 100 + n."""
    number = np.arange(4)[:, None, None, None]
    s1 = np.broadcast_to(100 * number, (4, 8, 8, 2)).astype(np.int16)
    s2 = np.broadcast_to(100 + number, (4, 8, 8, 13)).astype(np.uint16)
    s1[3, 0, 0, 0] = S1_NAN
    np.save(tmp_path / "s1-00000.npy", s1)
    np.save(tmp_path / "s2-00000.npy", s2)
    pd.DataFrame({"place_id": PLACES}).to_parquet(tmp_path / "index.parquet")
    return tmp_path


def _read(store: Path, **changes: int) -> dict[str, list[float]]:
    """Place -> first S1 value of each tile."""
    sizes = {"size_px": 8, "max_places": 9, "max_tiles": 9} | changes
    rng = np.random.default_rng(0)
    return {
        place.place_id: sorted(place.s1[:, 0, 0, 0].tolist())
        for place in tiles_of_store(store, rng=rng, **sizes)
    }


def test_tiles_come_place_by_place_in_decibel(store: Path) -> None:
    assert _read(store) == {"a": [1], "b": [0, 2]}


def test_a_tile_with_a_missing_pixel_is_left_out_but_not_its_neighbours(
    store: Path,
) -> None:
    assert _read(store, size_px=4)["c"] == [3, 3, 3]


def test_no_more_places_and_tiles_are_read_than_asked_for(store: Path) -> None:
    assert len(_read(store, size_px=4, max_places=2)) == 2
    found = _read(store, size_px=4, max_tiles=2)
    assert {place: len(tiles) for place, tiles in found.items()} == dict.fromkeys(
        "abc", 2
    )


def test_small_tiles_are_refused(store: Path) -> None:
    with pytest.raises(ValueError, match=r"must be at least 32 px, got 8; raise"):
        _read(store, size_px=32)


def test_places_of_rasters_come_in_the_order_of_their_first_patch(
    tmp_path: Path,
) -> None:
    for number in (30, 31, 32):
        write_sen12ms_patch(tmp_path, patch=number, size_px=16)
    patches = [
        replace(patch, place_id=place)
        for patch, place in zip(
            sen12ms.list_patches(tmp_path, with_labels=False), "bab", strict=True
        )
    ]
    found = [(p.place_id, len(p.s1)) for p in tiles_of_patches(patches, size_px=16)]
    assert found == [("b", 2), ("a", 1)]


def test_rasters_give_all_their_whole_tiles(tmp_path: Path) -> None:
    write_sen12ms_patch(tmp_path, patch=30, size_px=40)
    write_sen12ms_patch(tmp_path, patch=31, size_px=40)
    patches = sen12ms.list_patches(tmp_path, with_labels=False)
    (place,) = tiles_of_patches(patches, size_px=16)
    assert place.place_id == "spring-1"
    assert place.s1.shape == (8, 16, 16, 2)
    # builders: -10 - row / 100 - col / 1000, here of row 16 and column 16
    assert place.s1[3, 0, 0, 0] == pytest.approx(-10.176)
    assert place.s2[3, 0, 0, 0] == 1032
