from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely
from stages import split

from sentinel_fusion.params import load_params

LIVE = Path(__file__).parents[2] / "params.yaml"
PLACES = 6
TILES_A_PLACE = 4


@pytest.fixture(autouse=True)
def _project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Places in a row, each of which shares its last tile's ground with the next."""
    monkeypatch.chdir(tmp_path)
    numbers = np.arange(PLACES * TILES_A_PLACE)
    place, tile = np.divmod(numbers, TILES_A_PLACE)
    west = 0.01 * (place * (TILES_A_PLACE - 1) + tile)
    index = gpd.GeoDataFrame(
        {
            "tile_id": [f"tile-{number}" for number in numbers],
            "place_id": [f"place-{number}" for number in place],
            "group": "test",
            "majority": numbers % 2,
            "source_file": [f"r/ROIs0000_test_s1_0_p{n}.tif" for n in place],
        },
        geometry=gpd.GeoSeries([shapely.box(x, 50, x + 0.009, 50.009) for x in west]),
        crs="EPSG:4326",
    ).rename_geometry("footprint")
    Path("data/tiles/labelled").mkdir(parents=True)
    index.to_parquet("data/tiles/labelled/index.parquet")


def _run(monkeypatch: pytest.MonkeyPatch, **values: str) -> pd.DataFrame:
    params = load_params(LIVE)
    section = params.split.model_copy(update={"protocol": "places", **values})
    params = params.model_copy(update={"split": section})
    monkeypatch.setattr(split, "load_params", lambda: params)
    split.main()
    return pd.read_parquet("data/splits/tiles.parquet")


def test_shared_ground_is_left_to_the_leakage_stage_by_default(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert (_run(monkeypatch)["split"] != "").all()


def test_tiles_on_shared_ground_are_dropped_from_the_training_places(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    before = _run(monkeypatch)["split"]
    after = _run(monkeypatch, shared_ground="drop")["split"]
    dropped = (after == "") & (before != "")
    assert set(before[dropped]) <= {"train", "val"}
    assert (after[before == "test"] == "test").all()
    assert f"dropped on shared ground: {dropped.sum()} tiles" in caplog.text
    orders = pd.read_parquet("data/splits/label_order.parquet")
    assert set(orders["row"]) == set(np.flatnonzero(after == "train"))


def test_permuted_labels_are_said_aloud_and_leave_the_splits_as_they_are(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    given = _run(monkeypatch)
    assert "permuted" not in caplog.text
    assert _run(monkeypatch, train_labels="permuted").equals(given)
    assert "training labels are permuted" in caplog.text
    orders = pd.read_parquet("data/splits/label_order.parquet")
    assert (orders["row"] != orders["label_row"]).any()
    train = set(np.flatnonzero(given["split"] == "train"))
    assert set(orders["label_row"]) == train


def test_places_that_all_share_ground_are_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    file = Path("data/tiles/labelled/index.parquet")
    index = gpd.read_parquet(file)
    one_ground = [shapely.box(0, 50, 0.01, 50.01)] * len(index)
    index.set_geometry(one_ground, crs=index.crs).to_parquet(file)
    with pytest.raises(SystemExit, match=r"data/tiles/labelled: all .* train tiles"):
        _run(monkeypatch, shared_ground="drop")


def _write_list(name: str, places: list[int]) -> None:
    file = Path("lists/mine") / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text("".join(f"ROIs0000_test_dfc_0_p{n}.tif\n" for n in places))


def test_the_lists_of_a_folder_say_what_tests(monkeypatch: pytest.MonkeyPatch) -> None:
    _write_list("my-test.csv", [1, 4])
    tiles = _run(monkeypatch, protocol="C", list="mine")
    tested = tiles.loc[tiles["split"] == "test", "place_id"]
    assert sorted(set(tested)) == ["place-1", "place-4"]
    assert set(tiles["split"]) == {"train", "val", "test"}
    assert "source_file" not in tiles


def test_lists_that_are_not_there_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(SystemExit, match=r"lists/mine must hold a list with test"):
        _run(monkeypatch, protocol="C", list="mine")
