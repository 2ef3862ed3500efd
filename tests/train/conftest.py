import pytest
import torch
from tests.builders import SMALL_TILES, write_labelled_store

from sentinel_fusion.data.loader import BatchLoader, TileStore
from sentinel_fusion.train.arms import ArmConfig


@pytest.fixture(scope="session")
def store(tmp_path_factory: pytest.TempPathFactory) -> TileStore:
    return TileStore(write_labelled_store(tmp_path_factory.mktemp("store")))


@pytest.fixture(scope="session")
def loader(store: TileStore) -> BatchLoader:
    return BatchLoader(store, ("s1", "s2"), store.normalisation, torch.device("cpu"))


@pytest.fixture(scope="session")
def arm() -> ArmConfig:
    return ArmConfig(
        method="dual_simclr",
        method_options={
            "projection_dim": 8,
            "temperature": 0.1,
            "negatives": "both",
        },
        loss="nt_xent",
        encoder="resnet",
        encoder_options={"architecture": "resnet10t", "width": 8},
        inputs=("s1", "s2"),
        bands={},
        fusion="late",
        size_px=SMALL_TILES.size_px,
        seed=0,
    )
