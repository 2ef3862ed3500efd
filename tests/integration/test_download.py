"""SEN12MS from a server that misbehaves, through the whole pipeline."""

import csv
import hashlib
import io
import json
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import rasterio
from tests.integration.conftest import Clone, Params, shrink
from tests.servers import FileServer

from sentinel_fusion.data.synthetic.layout import write_sen12ms

pytestmark = pytest.mark.slow
SEASONS = ("spring", "summer", "fall")
PLACES = 16  # of four seasons: 12 scenes in the three that are fetched


@dataclass
class Download:
    """A clone that fetched its pre-training data, and the servers it fetched from."""

    clone: Clone
    good: FileServer
    wrong: FileServer
    first_run: set[str]


def _archives(folder: Path) -> dict[str, bytes]:
    """Archive name -> content, in the true layout, one radar patch without a value."""
    write_sen12ms(
        folder, seed=5, num_places=PLACES, patches_per_place=1, patch_px=64, workers=1
    )
    spoilt = min(folder.glob("ROIs*_spring/s1_*/*.tif"))
    with rasterio.open(spoilt, "r+") as raster:
        raster.write(np.full(raster.read().shape, np.nan, raster.dtypes[0]))
    packed = {}
    for top in sorted(folder.glob("ROIs*")):
        for kind in ("s1", "s2"):
            content = io.BytesIO()
            with tarfile.open(fileobj=content, mode="w:gz") as archive:
                for file in sorted(top.glob(f"{kind}_*/*.tif")):
                    archive.add(file, file.relative_to(folder))
            packed[f"{top.name}_{kind}.tar.gz"] = content.getvalue()
    return packed


def _table(file: Path, archives: dict[str, bytes], mirrors: list[str]) -> None:
    with file.open("w", newline="") as out:
        columns = "dataset part kind file bytes about_mb md5 sha256 page login urls"
        writer = csv.DictWriter(out, columns.split(), restval="")
        writer.writeheader()
        for name, content in archives.items():
            _, season, kind = name.removesuffix(".tar.gz").split("_")
            row = {"dataset": "sen12ms", "part": season, "kind": kind, "file": name}
            md5 = hashlib.md5(content, usedforsecurity=False).hexdigest()
            urls = " ".join(f"{mirror}{name}" for mirror in mirrors)
            writer.writerow(row | {"md5": md5, "urls": urls})


@pytest.fixture(scope="module")
def download(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Download]:
    archives = _archives(tmp_path_factory.mktemp("made"))
    first = next(iter(archives))
    altered = archives | {first: archives[first][:-9] + b"different"}
    with FileServer(altered) as wrong, FileServer(archives, drops=[5000]) as good:
        clone = Clone(tmp_path_factory.mktemp("clone"))
        _table(clone.folder / "table.csv", archives, [wrong.url, good.url])

        def change(params: Params) -> None:
            shrink(params)
            params["sources"]["pretrain"] = {"source": "sen12ms", "path": "data/s12"}
            params["download"]["sen12ms"]["seasons"] = list(SEASONS)
            params["download"]["fetch"] |= {"table": "table.csv", "backoff_s": 0.0}

        clone.edit_params(change)
        clone.commit("fetch")
        yield Download(clone, good, wrong, clone.stages_run_by("dvc", "repro"))


def test_a_clean_clone_downloads_tiles_pre_trains_and_draws(
    download: Download,
) -> None:
    wanted = {"download@pretrain", "tile@pretrain", "pretrain@dual_simclr", "ablation"}
    assert wanted <= download.first_run
    scores = pd.read_csv(download.clone.folder / "metrics/scores.csv")
    assert scores.loc[scores["metric"] == "aa", "value"].between(0, 1).all()


def test_only_the_chosen_seasons_are_fetched(download: Download) -> None:
    folders = (download.clone.folder / "data/s12").glob("ROIs*")
    assert {folder.name.split("_")[1] for folder in folders} == set(SEASONS)


def test_every_scene_of_the_chosen_seasons_is_tiled(download: Download) -> None:
    file = download.clone.folder / "data/tiles/pretrain/index.parquet"
    places = pd.read_parquet(file, columns=["place_id"])["place_id"]
    assert places.nunique() == 12 - 1  # one scene is the spoilt patch


def test_the_spoilt_patch_is_counted_by_reason(download: Download) -> None:
    file = download.clone.folder / "data/tiles/pretrain/stats.json"
    assert json.loads(file.read_text())["rejected"]["s1_invalid"] == 4


def test_the_archive_with_a_wrong_checksum_is_kept_aside(download: Download) -> None:
    aside = (download.clone.folder / "data/archives").rglob("*.wrong-*")
    assert len(list(aside)) == 1


def test_a_second_repro_does_nothing_and_asks_no_server(download: Download) -> None:
    before = len(download.good.gets) + len(download.wrong.gets)
    assert download.clone.stages_run_by("dvc", "repro") == set()
    assert len(download.good.gets) + len(download.wrong.gets) == before
