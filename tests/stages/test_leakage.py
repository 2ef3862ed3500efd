"""Leaks planted in tiny stores stop the stage with the tiles' names."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
from stages import leakage
from tests.builders import label_pixels, s1_pixels, s2_pixels, write_raster

from sentinel_fusion.data.left_out import LEFT_OUT, kept_rows
from sentinel_fusion.data.patches import Patch
from sentinel_fusion.data.tiles import TileRules, write_tiles
from sentinel_fusion.params import Params, load_params

LIVE = Path(__file__).parents[2] / "params.yaml"
SIZE_PX = 32
RULES = TileRules(
    size_px=16,
    stride_px=8,
    max_invalid_share=0.0,
    min_label_share=0.5,
    min_class_share=0.1,
    shard_mib=1,
)
TILES = 9
SPLIT_OF = {"north": "train", "east": "val", "south": "test"}
ROLES = {"labelled": tuple(SPLIT_OF), "pretrain": ("far", "away")}
PLACES = [(role, place) for role, places in ROLES.items() for place in places]
Numbers = dict[str, Any]


def _patch(folder: Path, number: int) -> Patch:
    """A place with noise of its own, 10 km from the next."""
    rng = np.random.default_rng(number)
    s1, s2 = s1_pixels(SIZE_PX), s2_pixels(SIZE_PX)
    layers = {
        "s1": s1 + rng.normal(size=s1.shape),
        "s2": s2 + rng.integers(50, size=s2.shape).astype(np.uint16),
        "label": label_pixels(SIZE_PX, (1, 10)),
    }
    origin = (500_000.0 + 10_000 * number, 5_300_000.0)
    name = PLACES[number][1]
    files = {
        kind: write_raster(folder / f"{name}-{kind}.tif", pixels, origin=origin)
        for kind, pixels in layers.items()
    }
    return Patch(
        patch_id=name,
        place_id=name,
        group="g",
        season="spring",
        s1=files["s1"],
        s2=files["s2"],
        label=files["label"],
        label_scheme="dfc",
    )


@pytest.fixture(scope="module")
def stores(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Stores of three labelled and two unlabelled places, and the split."""
    folder = tmp_path_factory.mktemp("stores")
    patches = [_patch(folder / "raw", number) for number in range(len(PLACES))]
    for role, places in ROLES.items():
        write_tiles(
            [patch for patch in patches if patch.place_id in places],
            folder / "data/tiles" / role,
            RULES,
            with_labels=role == "labelled",
            progress=lambda: None,
        )
    index = pd.read_parquet(folder / "data/tiles/labelled/index.parquet")
    (folder / "data/splits").mkdir()
    split = pd.DataFrame({"split": index["place_id"].map(SPLIT_OF)})
    split.to_parquet(folder / "data/splits/tiles.parquet")
    return folder / "data"


class Project:
    """A copy of the stores in which leaks are planted."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.params = load_params(LIVE)

    def check(self) -> Numbers:
        """Run the stage; its numbers."""
        leakage.main()
        text = (self.folder / "metrics/leakage.json").read_text()
        numbers: Numbers = json.loads(text)
        return numbers

    def waiting_file(self) -> Path:
        return self.folder / leakage.OUT

    def set_split(self, **values: str) -> None:
        section = self.params.split.model_copy(update=values)
        self.params = self.params.model_copy(update={"split": section})

    def copy_pixels(self, source: str, target: str) -> None:
        for sensor in ("s1", "s2"):
            pixels = self._shard(source, sensor)[self._rows(source)]
            self._shard(target, sensor)[self._rows(target)] = pixels

    def copy_ground(self, source: str, target: str, *, east_deg: float = 0.0) -> None:
        ground = self._index(source)["footprint"].iloc[self._rows(source)]
        moved = ground.translate(xoff=east_deg).to_numpy()

        def move(index: gpd.GeoDataFrame) -> None:
            index.loc[index.index[self._rows(target)], "footprint"] = moved

        self.edit_index(_role_of(target), move)

    def edit_index(self, role: str, edit: Callable[[gpd.GeoDataFrame], None]) -> None:
        file = self.folder / "data/tiles" / role / "index.parquet"
        index = gpd.read_parquet(file)
        edit(index)
        index.to_parquet(file)

    def _index(self, place: str) -> gpd.GeoDataFrame:
        role = _role_of(place)
        return gpd.read_parquet(self.folder / "data/tiles" / role / "index.parquet")

    def _shard(self, place: str, sensor: str) -> np.ndarray:
        store = self.folder / "data/tiles" / _role_of(place)
        shard: np.ndarray = np.load(store / f"{sensor}-00000.npy", mmap_mode="r+")
        return shard

    @staticmethod
    def _rows(place: str) -> slice:
        start = TILES * ROLES[_role_of(place)].index(place)
        return slice(start, start + TILES)


def _role_of(place: str) -> str:
    return next(role for role, places in ROLES.items() if place in places)


@pytest.fixture
def project(stores: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    shutil.copytree(stores, tmp_path / "data")
    made = Project(tmp_path)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(leakage, "load_params", lambda: made.params)
    return made


def test_tiles_that_overlap_within_a_split_pass(project: Project) -> None:
    numbers = project.check()
    assert numbers["checked"]["train"] == {"tiles": TILES, "georeferenced": TILES}
    pairs = numbers["shared"]
    assert set(pairs) == {
        *("train_val", "train_test", "val_test", "watched_pretrain"),
        *("pretrain_val", "pretrain_test"),
    }
    assert not any(count for kinds in pairs.values() for count in kinds.values())
    assert project.waiting_file().is_file()


def test_the_waiting_file_is_the_same_whatever_was_counted(project: Project) -> None:
    project.check()
    first = project.waiting_file().read_bytes()
    project.copy_ground("south", "far")
    project.set_split(pretrain_overlap="report")
    project.check()
    assert project.waiting_file().read_bytes() == first


def test_a_scene_that_was_copied_is_found_by_its_pixels(project: Project) -> None:
    project.copy_pixels("north", "south")
    with pytest.raises(SystemExit) as stop:
        project.check()
    assert str(stop.value).startswith(
        "leakage: 9 labelled test tiles have the pixels of labelled train tiles: "
        "south-0-0 (as north-0-0), south-0-8 (as north-0-8), "
        "south-0-16 (as north-0-16) and 6 more\n"
    )
    assert not project.waiting_file().exists()


def test_a_scene_that_overlaps_another_split_is_found_by_its_ground(
    project: Project,
) -> None:
    project.copy_ground("north", "south", east_deg=0.003)  # of its 0.0043 degrees
    with pytest.raises(SystemExit, match="labelled test tiles lie on ground of") as e:
        project.check()
    assert "south-0-0 (as north-" in str(e.value)
    assert "split.shared_ground to drop" in str(e.value)


def test_a_place_in_two_splits_is_found(project: Project) -> None:
    file = project.folder / "data/splits/tiles.parquet"
    split = pd.read_parquet(file)
    split.loc[0, "split"] = "val"
    split.to_parquet(file)
    with pytest.raises(SystemExit, match="1 labelled val tiles lie in a place of") as e:
        project.check()
    assert "north-0-0 (as north-0-8)" in str(e.value)


def test_without_georeference_a_copy_is_still_found(project: Project) -> None:
    def strip(index: gpd.GeoDataFrame) -> None:
        index["footprint"] = None

    for role in ROLES:
        project.edit_index(role, strip)
    assert project.check()["checked"]["test"]["georeferenced"] == 0
    project.copy_pixels("north", "east")
    with pytest.raises(SystemExit, match="9 labelled val tiles have the pixels of"):
        project.check()


@pytest.mark.parametrize("held_out", ["east", "south"])
def test_pre_training_on_held_out_ground_is_refused(
    project: Project, held_out: str
) -> None:
    project.copy_ground(held_out, "far")
    name = f"labelled {SPLIT_OF[held_out]} tiles"
    with pytest.raises(SystemExit, match=f"9 {name} lie on ground of pretrain") as e:
        project.check()
    assert "split.pretrain_overlap: drop takes" in str(e.value)


def test_pre_training_on_training_ground_passes(project: Project) -> None:
    project.copy_ground("north", "far")
    project.check()
    assert project.waiting_file().exists()


def test_pre_training_on_held_out_pixels_is_counted_where_that_is_wanted(
    project: Project, caplog: pytest.LogCaptureFixture
) -> None:
    project.copy_pixels("south", "far")
    project.copy_ground("south", "far")
    project.set_split(pretrain_overlap="report")
    shared = project.check()["shared"]
    assert shared["pretrain_test"] == {"place": 0, "footprint": 9, "duplicate": 9}
    assert "9 labelled test tiles have the pixels of pretrain tiles" in caplog.text


def _left_out(project: Project) -> list[str]:
    return pd.read_csv(project.folder / LEFT_OUT)["tile_id"].tolist()


def test_pre_training_on_held_out_ground_is_dropped_where_that_is_wanted(
    project: Project,
) -> None:
    project.copy_ground("south", "far")
    project.set_split(pretrain_overlap="drop")
    numbers = project.check()
    assert numbers["left_out"] == TILES
    assert numbers["checked"]["pretrain"]["tiles"] == TILES
    assert set(numbers["shared"]["pretrain_test"].values()) == {0}
    assert _left_out(project) == [
        f"far-{r}-{c}" for r in (0, 8, 16) for c in (0, 8, 16)
    ]
    assert kept_rows(LEFT_OUT, 2 * TILES).tolist() == [*range(TILES, 2 * TILES)]


def test_every_unlabelled_tile_that_meets_held_out_ground_is_dropped(
    project: Project,
) -> None:
    """Of columns 179, 259 and 339 m east of ground that is 320 m wide two meet it."""
    project.copy_ground("east", "away", east_deg=0.0024)
    project.set_split(pretrain_overlap="drop")
    project.check()
    assert _left_out(project) == [f"away-{r}-{c}" for r in (0, 8, 16) for c in (0, 8)]


def test_held_out_pixels_are_dropped_without_georeference(project: Project) -> None:
    def strip(index: gpd.GeoDataFrame) -> None:
        index["footprint"] = None

    for role in ROLES:
        project.edit_index(role, strip)
    project.copy_pixels("east", "away")
    project.set_split(pretrain_overlap="drop")
    assert project.check()["left_out"] == TILES
    assert {tile.split("-")[0] for tile in _left_out(project)} == {"away"}


def test_training_ground_is_not_dropped(project: Project) -> None:
    project.copy_ground("north", "far")
    project.set_split(pretrain_overlap="drop")
    assert project.check()["left_out"] == 0


def test_unless_it_is_dropped_the_list_of_tiles_is_empty_whatever_leaks(
    project: Project,
) -> None:
    project.check()
    first = (project.folder / LEFT_OUT).read_bytes()
    assert first == b"row,tile_id\n"
    project.copy_ground("south", "far")
    project.set_split(pretrain_overlap="report")
    assert project.check()["left_out"] == 0
    assert (project.folder / LEFT_OUT).read_bytes() == first


def test_nothing_left_to_pre_train_on_is_refused(project: Project) -> None:
    for ours in ROLES["pretrain"]:
        project.copy_ground("south", ours)
    project.set_split(pretrain_overlap="drop")
    with pytest.raises(SystemExit, match="all pretrain tiles lie on held-out ground"):
        project.check()


def test_dropping_does_not_allow_to_watch_on_trained_ground(project: Project) -> None:
    project.copy_ground("far", "away")
    project.set_split(pretrain_overlap="drop")
    with pytest.raises(SystemExit, match="is watched on lie on ground of tiles that"):
        project.check()


def test_watching_a_pre_training_on_its_own_ground_is_refused(project: Project) -> None:
    project.copy_ground("far", "away")
    with pytest.raises(SystemExit, match="is watched on lie on ground of tiles that"):
        project.check()


def _with_source(params: Params, role: str, source: str, path: str) -> Params:
    chosen = params.sources.pretrain.model_copy(
        update={"source": source, "path": Path(path)}
    )
    sources = params.sources.model_copy(update={role: chosen})
    return params.model_copy(update={"sources": sources})


@pytest.mark.parametrize(
    ("source", "paths", "num_leaks"),
    [("dfc2020", "ab", TILES), ("folder", "aa", TILES), ("folder", "ab", 0)],
)
@pytest.mark.parametrize("overlap", ["report", "drop"])
def test_equal_place_ids_of_both_roles_count_where_they_mean_one_place(
    project: Project, source: str, paths: str, num_leaks: int, overlap: str
) -> None:
    def rename(index: gpd.GeoDataFrame) -> None:
        index["place_id"] = index["place_id"].replace("far", "south")

    project.edit_index("pretrain", rename)
    project.set_split(pretrain_overlap=overlap)
    for role, path in zip(("pretrain", "labelled"), paths, strict=True):
        project.params = _with_source(project.params, role, source, path)
    numbers = project.check()
    counted = numbers["shared"]["pretrain_test"]["place"]
    assert (counted if overlap == "report" else numbers["left_out"]) == num_leaks
