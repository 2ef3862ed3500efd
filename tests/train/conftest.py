import pytest
import torch
from tests.builders import write_dfc2020_patch

from sentinel_fusion.data.loader import BatchLoader, TileStore
from sentinel_fusion.data.sources import dfc2020
from sentinel_fusion.data.tiles import TileRules, write_tiles
from sentinel_fusion.train.arms import ArmConfig

RULES = TileRules(
    size_px=8,
    stride_px=8,
    max_invalid_share=0.0,
    min_label_share=0.5,
    min_class_share=0.1,
    shard_mib=1,
)
CODES = (1, 6, 10)


@pytest.fixture(scope="session")
def store(tmp_path_factory: pytest.TempPathFactory) -> TileStore:
    """Three patches of one class each, 16 tiles a patch; classes 0, 4 and 7."""
    folder = tmp_path_factory.mktemp("store")
    for number, code in enumerate(CODES):
        write_dfc2020_patch(
            folder / "raw", patch=number, size_px=32, codes=(code,), seed=number
        )
    patches = dfc2020.list_patches(folder / "raw", with_labels=True, block_patches=1)
    write_tiles(
        patches, folder / "tiles", RULES, with_labels=True, progress=lambda: None
    )
    return TileStore(folder / "tiles")


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
        size_px=RULES.size_px,
        seed=0,
    )
