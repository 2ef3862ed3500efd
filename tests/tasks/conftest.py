import pytest
from tests.builders import write_folder_scene

from sentinel_fusion.data.loader import TileStore
from sentinel_fusion.data.sources.folder import list_patches
from sentinel_fusion.data.tiles import TileRules, write_tiles
from sentinel_fusion.models import resnet
from sentinel_fusion.models.fusion import FusedEncoder, build_fused

RULES = TileRules(
    size_px=16,
    stride_px=8,
    max_invalid_share=0.0,
    min_label_share=0.5,
    min_class_share=0.1,
    shard_mib=1,
)


@pytest.fixture(scope="session")
def store(tmp_path_factory: pytest.TempPathFactory) -> TileStore:
    """Three rows of three tiles: forest, half forest half water, water."""
    folder = tmp_path_factory.mktemp("store")
    write_folder_scene(folder / "scene", size_px=32, codes=(1, 10))
    patches = list_patches(folder / "scene", with_labels=True, label_scheme="dfc")
    write_tiles(
        patches, folder / "tiles", RULES, with_labels=True, progress=lambda: None
    )
    return TileStore(folder / "tiles")


@pytest.fixture
def encoder() -> FusedEncoder:
    return build_fused(
        lambda channels: resnet.build(
            in_channels=channels, architecture="resnet10t", width=8
        ),
        inputs=("s1", "s2"),
        bands={},
        fusion="late",
        seed=0,
    ).eval()
