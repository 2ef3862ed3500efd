import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from sentinel_fusion.data.loader import TileStore
from sentinel_fusion.models.fusion import Bands
from sentinel_fusion.train.arms import ArmConfig, build_encoder
from sentinel_fusion.train.encoder_files import load_encoder, save_encoder


def test_a_loaded_encoder_gives_the_same_features(
    arm: ArmConfig, store: TileStore, tmp_path: Path
) -> None:
    encoder = build_encoder(replace(arm, seed=5)).eval()
    save_encoder(tmp_path, encoder, arm, store.normalisation)
    loaded, _, _ = load_encoder(tmp_path)
    images = {"s1": torch.randn(2, 2, 32, 32), "s2": torch.randn(2, 13, 32, 32)}
    assert torch.equal(loaded.eval()(images), encoder(images))


def test_the_input_scaling_travels_with_the_encoder(
    arm: ArmConfig, store: TileStore, tmp_path: Path
) -> None:
    save_encoder(tmp_path, build_encoder(arm), arm, store.normalisation)
    assert load_encoder(tmp_path)[2] == store.normalisation


@pytest.mark.parametrize("bands", [{}, {"s1": ("VV",), "s2": ("B04", "B03", "B02")}])
def test_what_the_encoder_is_comes_back(
    arm: ArmConfig, store: TileStore, tmp_path: Path, bands: Bands
) -> None:
    config = replace(arm, bands=bands)
    save_encoder(tmp_path, build_encoder(config), config, store.normalisation)
    assert load_encoder(tmp_path)[1] == config


def test_the_config_names_the_encoders_code(
    arm: ArmConfig, store: TileStore, tmp_path: Path
) -> None:
    save_encoder(tmp_path, build_encoder(arm), arm, store.normalisation)
    config = json.loads((tmp_path / "config.json").read_text())
    assert len(config["encoder_source_sha256"]) == 64


def test_a_folder_without_encoder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="holds no encoder; run `dvc repro"):
        load_encoder(tmp_path / "late")
