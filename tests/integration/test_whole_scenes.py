"""Two labelled scenes that serve both roles, cut into blocks."""

import json
import shutil
import sys
from pathlib import Path

import pandas as pd
import pytest
from tests.integration.conftest import Clone, Params, shrink

from sentinel_fusion.data.synthetic.layout import write_sen12ms

pytestmark = pytest.mark.slow
SCENES, EDGE_PX, BLOCK_PX, TILE_PX = 2, 128, 64, 32
BLOCKS = SCENES * (EDGE_PX // BLOCK_PX) ** 2
TILES = SCENES * (EDGE_PX // TILE_PX) ** 2
RASTERS = {"s1": "s1", "s2": "s2", "lc": "label"}


def _write_scenes(folder: Path, generated: Path) -> None:
    write_sen12ms(
        generated,
        seed=5,
        num_places=SCENES,
        patches_per_place=1,
        patch_px=EDGE_PX,
        workers=1,
    )
    for kind, name in RASTERS.items():
        files = sorted(generated.glob(f"*/{kind}_*/*.tif"))
        assert len(files) == SCENES
        for number, file in enumerate(files):
            scene = folder / f"scene{number}"
            scene.mkdir(parents=True, exist_ok=True)
            shutil.copy(file, scene / f"{name}.tif")


def _use_scenes(params: Params) -> None:
    shrink(params)
    own = {"source": "folder", "path": "mine"}
    params["sources"] = {"pretrain": own.copy(), "labelled": own.copy()}
    params["download"]["folder"] |= {
        "label_scheme": "igbp",
        "s2_offset": 0,
        "block_px": BLOCK_PX,
    }
    params["split"] |= {"protocol": "places", "pretrain_overlap": "drop"}


@pytest.fixture(scope="module")
def clone(tmp_path_factory: pytest.TempPathFactory) -> Clone:
    """A clone up to one pre-training, with a page of what is there."""
    clone = Clone(tmp_path_factory.mktemp("scenes"))
    _write_scenes(clone.folder / "mine", tmp_path_factory.mktemp("generated"))
    clone.edit_params(_use_scenes)
    clone.commit("own scenes")
    clone.run("dvc", "repro", "leakage", "data_report", "pretrain@dual_simclr")
    report = (sys.executable, "-m", "stages.report")
    clone.run("env", "PYTHONPATH=src:.", *report)
    return clone


def _record(clone: Clone, name: str) -> Params:
    record: Params = json.loads((clone.folder / "metrics" / name).read_text())
    return record


def test_blocks_are_the_places_that_are_split(clone: Clone) -> None:
    data = _record(clone, "data.json")
    assert data["labelled"]["places"] == data["pretrain"]["places"] == BLOCKS
    splits = {
        name: found["places"] for name, found in data["labelled"]["splits"].items()
    }
    assert splits["train"] + splits["val"] + splits["test"] == BLOCKS
    assert min(splits[name] for name in ("train", "val", "test")) > 0


def test_unlabelled_tiles_of_held_out_blocks_are_left_out_and_no_others(
    clone: Clone,
) -> None:
    splits = pd.read_parquet(clone.folder / "data/splits/tiles.parquet")
    held_out = splits.loc[splits["split"].isin(["val", "test"]), "tile_id"]
    left_out = pd.read_csv(clone.folder / "data/pretrain_left_out.csv")["tile_id"]
    assert set(held_out) <= set(left_out)
    assert not set(splits.loc[splits["split"] == "train", "tile_id"]) & set(left_out)
    numbers = _record(clone, "leakage.json")
    assert numbers["left_out"] == len(left_out)
    assert numbers["checked"]["pretrain"]["tiles"] == TILES - len(left_out)
    assert not any(n for kinds in numbers["shared"].values() for n in kinds.values())


def test_the_rest_is_pre_trained_on(clone: Clone) -> None:
    curve = pd.read_csv(clone.folder / "models/pretrained/dual_simclr/curve.csv")
    assert len(curve) == 2
    assert set(curve["watched"]) == {"val"}


def test_the_report_says_that_places_are_blocks(clone: Clone) -> None:
    words = f"places are neighbouring blocks of {BLOCK_PX} px of scenes"
    assert f"Labelled {words}" in (clone.folder / "report/index.html").read_text()
    assert f"labelled {words}" in (clone.folder / "metrics/data/places.svg").read_text()
