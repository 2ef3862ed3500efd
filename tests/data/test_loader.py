from pathlib import Path

import numpy as np
import pytest
import torch
from tests.builders import s1_pixels, s2_pixels, write_folder_scene, write_raster

from sentinel_fusion.bands import S1_BANDS, S2_BANDS
from sentinel_fusion.data import loader as loader_module
from sentinel_fusion.data import tile_reader
from sentinel_fusion.data.augment import Window, build_augment
from sentinel_fusion.data.loader import BatchLoader, TileStore, load_augmented
from sentinel_fusion.data.scaling import Scaler
from sentinel_fusion.data.shards import ShardReader
from sentinel_fusion.data.sources.folder import list_patches
from sentinel_fusion.data.stats import Normalisation
from sentinel_fusion.data.tile_reader import TileReader
from sentinel_fusion.data.tiles import TileRules, write_tiles

RULES = TileRules(
    size_px=16,
    stride_px=16,
    max_invalid_share=0.5,
    min_label_share=0.5,
    min_class_share=0.1,
    shard_mib=1,
)
NORMALISATION = Normalisation(
    mean={"s1": [-10.0, -20.0], "s2": [1000.0] * len(S2_BANDS)},
    sd={"s1": [2.0, 4.0], "s2": [10.0] * len(S2_BANDS)},
)
ALL = np.arange(4)


@pytest.fixture
def store(tmp_path: Path) -> TileStore:
    """Four tiles of a scene of 32 px; the first radar pixel is missing in VH."""
    scene = tmp_path / "scene"
    write_folder_scene(scene)
    s1 = s1_pixels(32).astype(np.float32)
    s1[1, 0, 0] = np.nan
    write_raster(scene / "s1.tif", s1)
    patches = list_patches(scene, with_labels=False, label_scheme="dfc")
    folder = tmp_path / "tiles"
    write_tiles(patches, folder, RULES, with_labels=False, progress=lambda: None)
    return TileStore(folder)


def _loader(store: TileStore, *sensors: str) -> BatchLoader:
    return BatchLoader(store, sensors, NORMALISATION, torch.device("cpu"))


def test_radar_batch_is_decibels_less_mean_by_deviation(store: TileStore) -> None:
    images = _loader(store, "s1").load(np.array([3]))["s1"]
    vv, vh = images[0, :, 2, 5].tolist()  # row 16 + 2, column 16 + 5: -0.18 - 0.021 dB
    assert vv == pytest.approx((-10.20 - -10) / 2, abs=1e-5)
    assert vh == pytest.approx((-15.20 - -20) / 4, abs=1e-5)


def test_optical_batch_is_reflectance_less_mean_by_deviation(store: TileStore) -> None:
    images = _loader(store, "s2").load(np.array([1]))["s2"]
    b01, b12 = images[0, [0, 12], 2, 5].tolist()  # row 2, column 16 + 5
    assert b01 == pytest.approx((1000 + 2 + 21 - 1000) / 10, abs=1e-5)
    assert b12 == pytest.approx((1000 + 1200 + 2 + 21 - 1000) / 10, abs=1e-5)


def test_missing_radar_pixel_gets_the_band_mean(store: TileStore) -> None:
    images = _loader(store, "s1").load(np.array([0]))["s1"]
    assert images[0, 1, 0, 0] == 0
    assert images[0, 1, 0, 1] == pytest.approx((-15.0 - -20) / 4, abs=0.002)


def test_missing_optical_pixel_gets_the_band_means(tmp_path: Path) -> None:
    write_folder_scene(tmp_path / "scene")
    s2 = s2_pixels(32)
    s2[:, 0, 0] = 0
    write_raster(tmp_path / "scene" / "s2.tif", s2, nodata=0)
    patches = list_patches(tmp_path, with_labels=False, label_scheme="dfc")
    folder = tmp_path / "tiles"
    write_tiles(patches, folder, RULES, with_labels=False, progress=lambda: None)
    images = _loader(TileStore(folder), "s2").load(np.array([0]))["s2"]
    assert (images[0, :, 0, 0] == 0).all()
    assert images[0, 0, 0, 1] == pytest.approx((1001 - 1000) / 10, abs=1e-5)


def test_normalised_tiles_have_zero_mean_and_unit_deviation(store: TileStore) -> None:
    loader = BatchLoader(store, ("s2",), store.normalisation, torch.device("cpu"))
    images = loader.load(ALL)["s2"].to(torch.float64)
    zeros, ones = torch.zeros(13).double(), torch.ones(13).double()
    torch.testing.assert_close(images.mean((0, 2, 3)), zeros, rtol=0, atol=1e-4)
    torch.testing.assert_close(
        images.std((0, 2, 3), correction=0), ones, rtol=0, atol=1e-4
    )


def test_batch_holds_the_wanted_sensors_only(store: TileStore) -> None:
    assert set(_loader(store, "s2").load(ALL)) == {"s2"}
    assert set(_loader(store, "s1", "s2").load(ALL)) == {"s1", "s2"}


@pytest.mark.parametrize(("sensor", "bands"), [("s1", S1_BANDS), ("s2", S2_BANDS)])
def test_batch_is_float32_and_channels_last(
    store: TileStore, sensor: str, bands: tuple[str, ...]
) -> None:
    images = _loader(store, sensor).load(ALL)[sensor]
    assert images.shape == (4, len(bands), 16, 16)
    assert images.dtype == torch.float32
    assert images.is_contiguous(memory_format=torch.channels_last)


def test_order_of_rows_is_kept_and_rows_may_repeat(store: TileStore) -> None:
    loader = _loader(store, "s2")
    everything = loader.load(ALL)["s2"]
    some = loader.load(np.array([2, 0, 2]))["s2"]
    assert torch.equal(some, everything[[2, 0, 2]])


def test_store_reads_the_stored_integers(store: TileStore) -> None:
    assert store.read("s2", np.array([3]))[0, 0, 0].tolist() == [
        1000 + 100 * band + 32 for band in range(13)
    ]
    assert store.read("s1", np.array([0]))[0, 0, 0].tolist() == [-1000, -32768]


def test_store_knows_its_length_and_index(store: TileStore) -> None:
    assert len(store) == 4
    index = store.index(["tile_id", "row_px"])
    assert index.columns.tolist() == ["tile_id", "row_px"]
    assert index["row_px"].tolist() == [0, 0, 16, 16]


def test_folder_that_is_no_store_is_refused_with_the_stage_to_run(
    tmp_path: Path,
) -> None:
    message = r"labelled is no tile store; run `dvc repro tile@labelled`"
    with pytest.raises(FileNotFoundError, match=message):
        TileStore(tmp_path / "labelled")


@pytest.mark.parametrize(
    ("batch_size", "sizes"), [(1, [1, 1, 1]), (2, [2, 1]), (3, [3]), (9, [3])]
)
def test_batches_follow_the_rows_and_the_last_may_be_smaller(
    store: TileStore, batch_size: int, sizes: list[int]
) -> None:
    loader = _loader(store, "s2")
    rows = np.array([3, 1, 0])
    batches = [batch["s2"] for batch in loader.iterate(rows, batch_size)]
    assert [len(images) for images in batches] == sizes
    assert torch.equal(torch.cat(batches), loader.load(rows)["s2"])


def test_no_rows_give_no_batch(store: TileStore) -> None:
    assert list(_loader(store, "s2").iterate(ALL[:0], 2)) == []


@pytest.mark.parametrize("limit_bytes", [0, 2**20])
def test_a_store_kept_on_the_device_gives_the_batches_of_one_read_anew(
    store: TileStore, monkeypatch: pytest.MonkeyPatch, limit_bytes: int
) -> None:
    expected = _loader(store, "s1", "s2").load(ALL[::-1].copy())
    monkeypatch.setattr(loader_module, "RESIDENT_BYTES", limit_bytes)
    images = _loader(store, "s1", "s2").load(ALL[::-1].copy())
    assert all(torch.equal(images[sensor], expected[sensor]) for sensor in images)


@pytest.fixture(params=[0, 2**20], ids=["mapped", "resident"])
def anywhere(
    store: TileStore, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> BatchLoader:
    """A loader that reads the shards for every batch, and one that keeps them."""
    monkeypatch.setattr(loader_module, "RESIDENT_BYTES", request.param)
    return _loader(store, "s1", "s2")


def test_a_window_is_that_part_of_the_whole_tiles(anywhere: BatchLoader) -> None:
    whole = anywhere.load(ALL)
    part = anywhere.load(ALL, Window(top=3, left=5, size_px=8))
    for sensor, images in part.items():
        assert torch.equal(images, whole[sensor][:, :, 3:11, 5:13])
        assert images.is_contiguous(memory_format=torch.channels_last)


@pytest.mark.parametrize("name", ["none", "d4", "crop", "d4_crop"])
def test_an_augmentation_gives_what_it_makes_of_whole_tiles(
    anywhere: BatchLoader, name: str
) -> None:
    augment = build_augment(name, crop_px=8)
    found = load_augmented(anywhere, ALL, augment, torch.Generator().manual_seed(5))
    expected = augment(anywhere.load(ALL), torch.Generator().manual_seed(5))
    assert all(torch.equal(found[sensor], x) for sensor, x in expected.items())


def test_a_batch_that_is_in_use_is_not_overwritten(anywhere: BatchLoader) -> None:
    first = anywhere.load(ALL[:2])["s2"]
    before = first.clone()
    for _ in range(3):
        anywhere.load(ALL[2:])
    assert torch.equal(first, before)


def test_tiles_scaled_together_are_those_scaled_one_by_one(
    store: TileStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    together = _loader(store, "s1", "s2").load(ALL)
    monkeypatch.setattr(tile_reader, "CACHED_NUMBERS", 1)
    one_by_one = _loader(store, "s1", "s2").load(ALL)
    assert all(torch.equal(x, one_by_one[sensor]) for sensor, x in together.items())


def test_long_lines_are_read_as_short_ones_are(
    store: TileStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    window = Window(top=3, left=5, size_px=8)
    short = _loader(store, "s1", "s2").load(ALL, window)
    monkeypatch.setattr(tile_reader, "SHORT_LINE", 0)
    long = _loader(store, "s1", "s2").load(ALL, window)
    assert all(torch.equal(x, long[sensor]) for sensor, x in short.items())


def test_stored_integers_are_gathered_in_the_order_of_the_rows(
    store: TileStore,
) -> None:
    device = torch.device("cpu")
    reader = TileReader("s2", store.shards["s2"], Scaler("s2", NORMALISATION, device))
    window, rows = Window(top=3, left=5, size_px=8), np.array([3, 0, 2, 2, 1])
    found = torch.empty(5, 8, 8, 13, dtype=torch.int16)
    reader.gather(rows, window, found)
    expected = store.read("s2", rows)[:, 3:11, 5:13]
    np.testing.assert_array_equal(found.numpy().view(np.uint16), expected)


def test_a_store_says_which_tiles_are_complete(store: TileStore) -> None:
    assert store.is_complete.tolist() == [False, True, True, True]


@pytest.mark.parametrize(("rate", "fetches"), [(0, 1), (float("inf"), 3)])
def test_tiles_are_fetched_ahead_while_the_disk_is_slow(
    store: TileStore, monkeypatch: pytest.MonkeyPatch, rate: float, fetches: int
) -> None:
    calls = []
    monkeypatch.setattr(
        ShardReader, "will_need", lambda self, rows, part: calls.append(len(rows))
    )
    monkeypatch.setattr(loader_module, "RESIDENT_BYTES", 0)
    monkeypatch.setattr(loader_module, "COLD_BYTES_S", rate)
    loader = _loader(store, "s2")
    for _ in range(3):
        loader.load(ALL[:2])
    assert calls == [2] * fetches


@pytest.mark.gpu
@pytest.mark.parametrize("share", [0.0, 0.5], ids=["mapped", "resident"])
def test_a_gpu_gets_the_batches_of_a_cpu(
    store: TileStore, monkeypatch: pytest.MonkeyPatch, share: float
) -> None:
    monkeypatch.setattr(loader_module, "RESIDENT_SHARE", share)
    sensors = ("s1", "s2")
    loader = BatchLoader(store, sensors, NORMALISATION, torch.device("cuda"))
    window = Window(top=3, left=5, size_px=8)
    expected = _loader(store, *sensors).load(ALL, window)
    for sensor, images in loader.load(ALL, window).items():
        torch.testing.assert_close(images.cpu(), expected[sensor])
