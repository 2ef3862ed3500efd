"""The whole pipeline over real Sentinel pixels, where they lie beside the project."""

import json
import os
from pathlib import Path

import pandas as pd
import pytest
from tests.integration.conftest import SAMPLE, Clone, Params, shrink

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not SAMPLE.is_dir(), reason=f"{SAMPLE} is missing"),
]


@pytest.fixture(scope="module")
def clone(tmp_path_factory: pytest.TempPathFactory) -> Clone:
    clone = Clone(tmp_path_factory.mktemp("real"))
    clone.edit_params(lambda params: _point_at_samples(params, clone.folder))
    clone.commit("real pixels")
    clone.run("dvc", "repro")
    return clone


def _point_at_samples(params: Params, folder: Path) -> None:
    shrink(params)

    def path(name: str) -> str:
        return os.path.relpath(SAMPLE / name, folder)

    params["sources"] = {
        "pretrain": {"source": "sen12ms", "path": path("sen12ms")},
        "labelled": {"source": "dfc2020", "path": path("dfc2020")},
    }
    params["download"]["dfc2020"]["block_patches"] = 1
    params["split"]["protocol"] = "A"


def test_sen12ms_and_dfc2020_give_scores(clone: Clone) -> None:
    scores = pd.read_csv(clone.folder / "metrics" / "scores.csv")
    assert scores.loc[scores["metric"] == "oa", "value"].between(0, 1).all()


def test_one_test_place_leaves_the_verdict_open(clone: Clone) -> None:
    claims = json.loads((clone.folder / "metrics" / "claims.json").read_text())
    verdicts = {
        claim["verdict"]
        for arms in claims.values()
        for uses in arms.values()
        for claim in uses.values()
    }
    assert verdicts == {"undecided"}


def test_every_224_px_patch_gives_its_whole_tiles(clone: Clone) -> None:
    stats = json.loads((clone.folder / "data/tiles/labelled/stats.json").read_text())
    assert stats["tiles"] + sum(stats["rejected"].values()) == 3 * 7 * 7


def test_the_sample_scene_pre_trains_as_a_folder(clone: Clone) -> None:
    def change(params: Params) -> None:
        scene = os.path.relpath(SAMPLE / "scene", clone.folder)
        params["sources"]["pretrain"] = {"source": "folder", "path": scene}

    clone.edit_params(change)
    ran = clone.stages_run_by("dvc", "repro")
    stats = json.loads((clone.folder / "data/tiles/pretrain/stats.json").read_text())
    assert {"download@pretrain", "tile@pretrain", "pretrain@dual_simclr"} <= ran
    assert "download@labelled" not in ran
    assert stats["tiles"] + sum(stats["rejected"].values()) == 16 * 16
