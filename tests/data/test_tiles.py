import json
import tracemalloc
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
from tests.builders import (
    DEFAULT_ORIGIN,
    UTM,
    label_pixels,
    s1_pixels,
    s2_pixels,
    write_raster,
)

from sentinel_fusion.classes import CLASS_NAMES
from sentinel_fusion.data.patches import Patch
from sentinel_fusion.data.shards import ShardReader
from sentinel_fusion.data.tiles import (
    TileRules,
    UnreadablePatchesError,
    write_tiles,
)

RULES = TileRules(
    size_px=16,
    stride_px=16,
    max_invalid_share=0.1,
    min_label_share=0.5,
    min_class_share=0.1,
    shard_mib=1,
)
NONE_REJECTED = {
    "s1_invalid": 0,
    "s2_invalid": 0,
    "label_ignored": 0,
    "patch_smaller_than_tile": 0,
}
Pixels = np.ndarray


def _write_patch(
    folder: Path, s1: Pixels, s2: Pixels, label: Pixels | None, *, crs: str | None = UTM
) -> Patch:
    layers = {"s1": s1.astype(np.float32), "s2": s2}
    if label is not None:
        layers["label"] = label
    files = {
        name: write_raster(folder / f"{name}.tif", pixels, crs=crs)
        for name, pixels in layers.items()
    }
    return Patch(
        patch_id=folder.name,
        place_id=f"place of {folder.name}",
        group="folder",
        season="unknown",
        s1=files["s1"],
        s2=files["s2"],
        label=files.get("label"),
        label_scheme="dfc",
    )


def _patch(
    folder: Path, size_px: int = 32, codes: tuple[int, ...] = (1, 10), number: int = 0
) -> Patch:
    """A good patch; the higher its number, the brighter it is."""
    return _write_patch(
        folder,
        s1_pixels(size_px, offset_db=number / 10),
        s2_pixels(size_px, offset=number),
        label_pixels(size_px, codes),
    )


def _write(
    patches: list[Patch],
    store: Path,
    rules: TileRules = RULES,
    *,
    progress: Callable[[], object] = lambda: None,
    max_unreadable_share: float = 0.0,
) -> dict[str, int]:
    return write_tiles(
        patches,
        store,
        rules,
        with_labels=True,
        progress=progress,
        max_unreadable_share=max_unreadable_share,
    )


def _read(store: Path, name: str) -> np.ndarray:
    shards = ShardReader(store, name)
    return shards.read(np.arange(len(shards)))


def _index(store: Path) -> gpd.GeoDataFrame:
    return gpd.read_parquet(store / "index.parquet")


def _stats(store: Path) -> dict[str, object]:
    stats: dict[str, object] = json.loads((store / "stats.json").read_text())
    return stats


@pytest.mark.parametrize(
    ("size_px", "stride_px", "corners"),
    [
        (16, 16, [0, 16]),
        (16, 8, [0, 8, 16]),
        (16, 20, [0]),
        (12, 20, [0, 20]),
        (20, 6, [0, 6, 12]),
    ],
)
def test_tiles_are_the_windows_row_by_row(
    tmp_path: Path, size_px: int, stride_px: int, corners: list[int]
) -> None:
    store = tmp_path / "store"
    rules = replace(RULES, size_px=size_px, stride_px=stride_px)
    _write([_patch(tmp_path / "p")], store, rules)
    pixels = np.moveaxis(s2_pixels(32), 0, -1)
    expected = [
        pixels[row : row + size_px, col : col + size_px]
        for row in corners
        for col in corners
    ]
    np.testing.assert_array_equal(_read(store, "s2"), expected)


def test_stored_radar_is_within_half_a_hundredth_of_a_db(tmp_path: Path) -> None:
    _write([_patch(tmp_path / "p", 16)], tmp_path / "store")
    (tile,) = _read(tmp_path / "store", "s1")
    assert tile.dtype == np.int16
    expected = np.moveaxis(s1_pixels(16), 0, -1)
    np.testing.assert_allclose(tile / 100, expected, rtol=0, atol=0.005 + 1e-5)


def test_stored_labels_are_classes(tmp_path: Path) -> None:
    _write([_patch(tmp_path / "p", 16, (1, 3, 7, 10))], tmp_path / "store")
    (tile,) = _read(tmp_path / "store", "label")
    assert tile.dtype == np.uint8
    assert tile[5].tolist() == [0] * 4 + [255] * 4 + [5] * 4 + [7] * 4


def test_patches_follow_in_the_order_given(tmp_path: Path) -> None:
    patches = [_patch(tmp_path / name, 16, number=n) for n, name in enumerate("cab")]
    _write(patches, tmp_path / "store")
    assert _read(tmp_path / "store", "s2")[:, 0, 0, 0].tolist() == [1000, 1001, 1002]
    assert _index(tmp_path / "store")["place_id"].str[-1].tolist() == list("cab")


def _tall_patch(folder: Path, height_px: int) -> Patch:
    """Every optical pixel of a raster that is 16 pixels wide holds its row, from 1."""
    wide = np.arange(height_px)[:, None].repeat(16, axis=1)
    s1, s2, label = wide[None] * [[[-0.01]]], wide[None] + 1, np.ones_like(wide)[None]
    return _write_patch(
        folder,
        np.concatenate([s1, s1]),
        np.repeat(s2, 13, axis=0).astype(np.uint16),
        label.astype(np.uint8),
    )


def test_high_patch_gives_the_tiles_of_all_its_reads(tmp_path: Path) -> None:
    _write([_tall_patch(tmp_path / "p", 1100)], tmp_path / "store")
    tops = _read(tmp_path / "store", "s2")[:, 0, 0, 0].tolist()
    assert tops == list(range(1, 1100 - 16 + 2, 16))
    assert _index(tmp_path / "store")["row_px"].tolist() == [top - 1 for top in tops]


def test_high_patch_and_a_low_one_count_all_their_pixels(tmp_path: Path) -> None:
    patches = [_tall_patch(tmp_path / "tall", 1100), _patch(tmp_path / "low", 16)]
    _write(patches, tmp_path / "store")
    bands = _stats(tmp_path / "store")["bands"]
    assert isinstance(bands, dict)
    mean = float(_read(tmp_path / "store", "s2")[..., 7].mean())
    assert bands["s2"]["B08"]["mean"] == pytest.approx(mean)


def test_progress_is_told_after_every_patch(tmp_path: Path) -> None:
    calls: list[None] = []
    patches = [_patch(tmp_path / name, 16) for name in "ab"]
    _write(patches, tmp_path / "store", progress=lambda: calls.append(None))
    assert len(calls) == 2


def test_counts_tell_accepted_tiles_and_every_reason(tmp_path: Path) -> None:
    counts = _write([_patch(tmp_path / "p")], tmp_path / "store")
    assert counts == {"accepted": 4, **NONE_REJECTED}


def test_unlabelled_store_holds_no_labels(tmp_path: Path) -> None:
    patch = replace(_patch(tmp_path / "p", 16), label=None)
    store = tmp_path / "store"
    write_tiles([patch], store, RULES, with_labels=False, progress=lambda: None)
    assert sorted(file.name for file in store.iterdir()) == [
        "index.parquet",
        "s1-00000.npy",
        "s2-00000.npy",
        "stats.json",
    ]
    assert "majority" not in _index(store).columns


def test_index_tells_where_each_tile_comes_from(tmp_path: Path) -> None:
    patch = _patch(tmp_path / "p")
    _write([patch], tmp_path / "store")
    index = _index(tmp_path / "store")
    assert index["tile_id"].tolist() == ["p-0-0", "p-0-16", "p-16-0", "p-16-16"]
    assert index["row_px"].tolist() == [0, 0, 16, 16]
    assert index["col_px"].tolist() == [0, 16, 0, 16]
    same = ["place_id", "group", "season", "source_file", "crs", "size_px"]
    facts = ["place of p", "folder", "unknown", patch.s1.as_posix(), UTM, 16]
    assert index[same].drop_duplicates().to_numpy().tolist() == [facts]


def test_tile_ids_are_unique(tmp_path: Path) -> None:
    patches = [_patch(tmp_path / name) for name in ("p", "p-0", "p-0-0")]
    _write(patches, tmp_path / "store", replace(RULES, stride_px=4))
    assert _index(tmp_path / "store")["tile_id"].is_unique


def test_class_fractions_are_shares_of_all_pixels(tmp_path: Path) -> None:
    _write([_patch(tmp_path / "p", 16, (1, 3, 10, 10))], tmp_path / "store")
    (row,) = _index(tmp_path / "store").to_dict("records")
    assert (row["fraction_forest"], row["fraction_water"]) == (0.25, 0.5)
    assert row["fraction_urban"] == 0
    assert row["label_share"] == 0.75


def test_class_fractions_sum_to_the_labelled_share(tmp_path: Path) -> None:
    rules = replace(RULES, stride_px=4)
    _write([_patch(tmp_path / "p", 32, (1, 2, 3, 4, 5, 10))], tmp_path / "store", rules)
    index = _index(tmp_path / "store")
    total = index[[f"fraction_{name}" for name in CLASS_NAMES]].sum(axis=1)
    np.testing.assert_allclose(total, index["label_share"], atol=1e-12)


@pytest.mark.parametrize(
    ("codes", "majority"),
    [((1, 10, 10), 7), ((3, 3, 2, 2, 10), 1), ((1, 10), 0)],
    ids=["water", "ignored pixels do not count", "a tie goes to the first class"],
)
def test_majority_is_the_commonest_class(
    tmp_path: Path, codes: tuple[int, ...], majority: int
) -> None:
    _write([_patch(tmp_path / "p", 16, codes)], tmp_path / "store")
    assert _index(tmp_path / "store")["majority"].tolist() == [majority]


def test_tile_without_any_class_has_the_ignored_majority(tmp_path: Path) -> None:
    rules = replace(RULES, min_label_share=0.0)
    _write([_patch(tmp_path / "p", 16, (3,))], tmp_path / "store", rules)
    assert _index(tmp_path / "store")["majority"].tolist() == [255]


@pytest.mark.parametrize(("share", "has_forest"), [(0.25, True), (0.26, False)])
def test_class_is_present_from_its_smallest_share(
    tmp_path: Path, share: float, has_forest: bool
) -> None:
    rules = replace(RULES, min_class_share=share)
    _write([_patch(tmp_path / "p", 16, (1, 10, 10, 10))], tmp_path / "store", rules)
    index = _index(tmp_path / "store")
    assert index["has_forest"].tolist() == [has_forest]
    assert index["has_water"].tolist() == [True]
    assert index["has_urban"].tolist() == [False]


def test_valid_share_is_that_of_the_worse_sensor(tmp_path: Path) -> None:
    s1, s2 = s1_pixels(16), s2_pixels(16)
    s1[0, 0, :8] = np.nan
    s2[:, 15, :16] = 0
    patch = _write_patch(tmp_path / "p", s1, s2, label_pixels(16, (1,)))
    _write([patch], tmp_path / "store")
    assert _index(tmp_path / "store")["valid_share"].tolist() == [1 - 16 / 256]


def test_footprint_has_the_area_of_the_tile(tmp_path: Path) -> None:
    _write([_patch(tmp_path / "p")], tmp_path / "store")
    index = _index(tmp_path / "store")
    assert index.crs == "EPSG:4326"
    np.testing.assert_allclose(index.to_crs(UTM).area, 160.0**2, rtol=1e-3)


def test_footprints_lie_at_their_corner_of_the_raster(tmp_path: Path) -> None:
    _write([_patch(tmp_path / "p")], tmp_path / "store")
    index = _index(tmp_path / "store")
    west, north = DEFAULT_ORIGIN
    bounds = index.to_crs(UTM).bounds
    np.testing.assert_allclose(bounds["minx"], west + 10 * index["col_px"], atol=0.01)
    np.testing.assert_allclose(bounds["maxy"], north - 10 * index["row_px"], atol=0.01)
    assert bounds["maxx"].max() <= west + 320.01
    assert bounds["miny"].min() >= north - 320.01


def test_tile_of_a_raster_without_crs_has_no_footprint(tmp_path: Path) -> None:
    pixels = s1_pixels(16), s2_pixels(16), label_pixels(16, (1,))
    _write([_write_patch(tmp_path / "p", *pixels, crs=None)], tmp_path / "store")
    index = _index(tmp_path / "store")
    assert index["footprint"].tolist() == [None]
    assert index["crs"].tolist() == [""]


def test_rasters_with_and_without_crs_can_share_a_store(tmp_path: Path) -> None:
    pixels = s1_pixels(16), s2_pixels(16), label_pixels(16, (1,))
    bare = _write_patch(tmp_path / "bare", *pixels, crs=None)
    _write([_patch(tmp_path / "p", 16), bare], tmp_path / "store")
    assert _index(tmp_path / "store")["footprint"].isna().tolist() == [False, True]


def _spoil(layer: str, pixels: Pixels, rows: int) -> Pixels:
    fill = {"s1": np.nan, "s2": 0, "label": 8}[layer]
    spoilt = pixels.copy()
    spoilt[:, :rows, :16] = fill
    return spoilt


def _spoilt_patch(folder: Path, layer: str, rows: int) -> Patch:
    """The first rows of the upper left tile of four are unusable."""
    layers = {
        "s1": s1_pixels(32),
        "s2": s2_pixels(32),
        "label": label_pixels(32, (1, 10)),
    }
    layers[layer] = _spoil(layer, layers[layer], rows)
    return _write_patch(folder, layers["s1"], layers["s2"], layers["label"])


@pytest.mark.parametrize(
    ("layer", "reason", "rows"),
    [
        ("s1", "s1_invalid", 2),
        ("s2", "s2_invalid", 2),
        ("label", "label_ignored", 9),
    ],
)
def test_bad_tile_is_rejected_and_counted_by_its_reason(
    tmp_path: Path, layer: str, reason: str, rows: int
) -> None:
    counts = _write([_spoilt_patch(tmp_path / "p", layer, rows)], tmp_path / "store")
    assert counts == {"accepted": 3, **NONE_REJECTED, reason: 1}
    assert _index(tmp_path / "store")["tile_id"].tolist()[0] == "p-0-16"
    assert len(_read(tmp_path / "store", "s2")) == 3


@pytest.mark.parametrize(("layer", "rows"), [("s1", 1), ("s2", 1), ("label", 8)])
def test_tile_with_few_bad_pixels_is_kept(
    tmp_path: Path, layer: str, rows: int
) -> None:
    counts = _write([_spoilt_patch(tmp_path / "p", layer, rows)], tmp_path / "store")
    assert counts == {"accepted": 4, **NONE_REJECTED}


def test_patch_smaller_than_a_tile_is_counted(tmp_path: Path) -> None:
    patches = [_patch(tmp_path / "small", 15), _patch(tmp_path / "good", 16)]
    counts = _write(patches, tmp_path / "store")
    assert counts == {"accepted": 1, **NONE_REJECTED, "patch_smaller_than_tile": 1}


def test_patch_of_which_no_tile_is_good_leaves_the_others(tmp_path: Path) -> None:
    bad = _patch(tmp_path / "bad", 16, (3,))
    good = _patch(tmp_path / "good", 16)
    assert _write([bad, good], tmp_path / "store")["accepted"] == 1
    index = _index(tmp_path / "store")
    assert index["tile_id"].tolist() == ["good-0-0"]
    assert index["has_forest"].dtype == bool
    assert pd.api.types.is_integer_dtype(index["row_px"])


def test_store_without_a_tile_is_refused_with_the_reasons(tmp_path: Path) -> None:
    patch = _patch(tmp_path / "p", 32, (3,))
    with pytest.raises(ValueError, match=r"1 tile, got 0; .*'label_ignored': 4"):
        _write([patch], tmp_path / "store")
    assert not (tmp_path / "store").exists()


def test_stats_hold_counts_and_the_summary_of_accepted_tiles(tmp_path: Path) -> None:
    _write([_spoilt_patch(tmp_path / "p", "label", 16)], tmp_path / "store")
    stats = _stats(tmp_path / "store")
    assert (stats["tiles"], stats["rejected"]) == (
        3,
        {**NONE_REJECTED, "label_ignored": 1},
    )
    bands = stats["bands"]
    assert isinstance(bands, dict)
    mean = float(_read(tmp_path / "store", "s2")[..., 3].mean())
    assert bands["s2"]["B04"]["mean"] == pytest.approx(mean)


def _fail() -> None:
    raise InterruptedError("stopped half-way")


def test_write_that_is_stopped_leaves_no_store_and_can_be_repeated(
    tmp_path: Path,
) -> None:
    patches = [_patch(tmp_path / name, 16, number=n) for n, name in enumerate("ab")]
    with pytest.raises(InterruptedError, match="half-way"):
        _write(patches, tmp_path / "store", progress=_fail)
    assert not (tmp_path / "store").exists()
    assert _write(patches, tmp_path / "store")["accepted"] == 2
    assert _read(tmp_path / "store", "s2")[:, 0, 0, 0].tolist() == [1000, 1001]


def test_missing_raster_leaves_no_store_and_is_named(tmp_path: Path) -> None:
    patches = [_patch(tmp_path / name, 16) for name in "ab"]
    patches[1].s2.unlink()
    with pytest.raises(UnreadablePatchesError, match=r"at most 0 .* b \(s2_unread"):
        _write(patches, tmp_path / "store")
    assert not (tmp_path / "store").exists()


def _unreadable(folder: Path, layer: str) -> Patch:
    patch = _patch(folder, 16)
    file = getattr(patch, layer)
    file.write_bytes(file.read_bytes()[:100])
    return patch


@pytest.mark.parametrize("layer", ["s1", "s2", "label"])
def test_unreadable_patch_is_counted_by_layer_and_named(
    tmp_path: Path, layer: str
) -> None:
    patches = [_patch(tmp_path / "good", 16), _unreadable(tmp_path / "bad", layer)]
    counts = _write(patches, tmp_path / "store", max_unreadable_share=0.5)
    assert counts == {"accepted": 1, **NONE_REJECTED, f"{layer}_unreadable": 1}
    assert _stats(tmp_path / "store")["bad_patches"] == {f"{layer}_unreadable": ["bad"]}


def test_more_unreadable_patches_than_allowed_are_refused(tmp_path: Path) -> None:
    patches = [_unreadable(tmp_path / name, "s1") for name in "abc"]
    patches += [_patch(tmp_path / name, 16) for name in "def"]
    with pytest.raises(UnreadablePatchesError, match=r"at most 2 .*, got 3: a .*, b"):
        _write(patches, tmp_path / "store", max_unreadable_share=0.4)


def test_patch_whose_lower_half_is_cut_off_leaves_no_tile(tmp_path: Path) -> None:
    rules = replace(RULES, stride_px=400)
    tall = _tall_patch(tmp_path / "tall", 1100)
    good = _patch(tmp_path / "good", 16)
    _write([good], tmp_path / "without", rules)
    content = tall.s2.read_bytes()
    tall.s2.write_bytes(content[: len(content) // 2])
    _write([tall, good], tmp_path / "store", rules, max_unreadable_share=0.5)
    without, store = (_stats(tmp_path / name) for name in ("without", "store"))
    same = ("tiles", "bands", "content_sha256")
    assert [without[key] for key in same] == [store[key] for key in same]
    assert store["bad_patches"] == {"s2_unreadable": ["tall"]}


def test_patch_with_bad_pixels_is_named_by_its_reason(tmp_path: Path) -> None:
    patches = [_spoilt_patch(tmp_path / name, "s1", 2) for name in "ab"]
    _write(patches, tmp_path / "store")
    assert _stats(tmp_path / "store")["bad_patches"] == {"s1_invalid": ["a", "b"]}


def test_patch_without_usable_labels_is_not_named(tmp_path: Path) -> None:
    _write([_spoilt_patch(tmp_path / "p", "label", 9)], tmp_path / "store")
    assert "bad_patches" not in _stats(tmp_path / "store")


def test_finished_store_leaves_nothing_beside_it(tmp_path: Path) -> None:
    _write([_patch(tmp_path / "p", 16)], tmp_path / "out" / "store")
    assert [file.name for file in (tmp_path / "out").iterdir()] == ["store"]


def test_small_shards_hold_what_one_large_shard_holds(tmp_path: Path) -> None:
    patches = [_patch(tmp_path / name, 160, number=n) for n, name in enumerate("ab")]
    for store, shard_mib in (("many", 1), ("one", 64)):
        _write(patches, tmp_path / store, replace(RULES, shard_mib=shard_mib))
    many, one = tmp_path / "many", tmp_path / "one"
    assert len(list(many.glob("s2-*.npy"))) == 2
    assert len(list(one.glob("s2-*.npy"))) == 1
    np.testing.assert_array_equal(_read(many, "s2"), _read(one, "s2"))
    assert _stats(many)["bands"] == _stats(one)["bands"]
    pd.testing.assert_frame_equal(_index(many), _index(one))


def test_other_content_has_another_digest(tmp_path: Path) -> None:
    for number in (0, 1):
        patch = _patch(tmp_path / f"p{number}", 16, number=number)
        _write([patch], tmp_path / f"store{number}")
    one, two = (_stats(tmp_path / f"store{number}") for number in (0, 1))
    assert one["content_sha256"] != two["content_sha256"]


def _peak_bytes(patch: Patch, times: int, store: Path) -> int:
    patches = [replace(patch, patch_id=f"p{number}") for number in range(times)]
    tracemalloc.start()
    _write(patches, store)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return peak


def test_memory_does_not_grow_with_the_number_of_patches(tmp_path: Path) -> None:
    patch = _patch(tmp_path / "p", 96)
    _write([patch], tmp_path / "warm-up")
    few = _peak_bytes(patch, 2, tmp_path / "few")
    many = _peak_bytes(patch, 8, tmp_path / "many")
    assert many < few + 2**20 * 3 // 4  # the pixels of six patches are 1.6 MiB
