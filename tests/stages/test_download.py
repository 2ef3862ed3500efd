import json
from pathlib import Path

import pytest
from stages import download
from tests.builders import write_folder_scene

from sentinel_fusion.data.download.extract import ExtractError
from sentinel_fusion.data.download.fetch import FetchError
from sentinel_fusion.data.download.room import NoRoomError
from sentinel_fusion.data.patches import read_manifest
from sentinel_fusion.data.sources import folder
from sentinel_fusion.data.stac.catalogue import CatalogueError
from sentinel_fusion.params import load_params
from sentinel_fusion.sections.sources import Source

LIVE = Path(__file__).parents[2] / "params.yaml"
MANIFEST = Path("data/raw/labelled/patches.csv")


@pytest.fixture(autouse=True)
def _two_scenes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in "ab":
        write_folder_scene(Path("mine") / name, size_px=32, codes=(1, 2))


def _run(monkeypatch: pytest.MonkeyPatch, block_px: int) -> None:
    params = load_params(LIVE)
    own = Source(source="folder", path=Path("mine"))
    scenes = params.download.folder.model_copy(
        update={"block_px": block_px, "s2_offset": 0}
    )
    values = {
        "sources": params.sources.model_copy(update={"labelled": own}),
        "download": params.download.model_copy(update={"folder": scenes}),
        "split": params.split.model_copy(update={"protocol": "places"}),
    }
    params = params.model_copy(update=values)
    monkeypatch.setattr(download, "load_params", lambda **_: params)
    download.main("labelled")


def test_two_labelled_scenes_are_too_few_places(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with pytest.raises(
        SystemExit, match=r"at least 3 .*, got 2; .*download\.folder\.block_px"
    ):
        _run(monkeypatch, block_px=0)
    assert not MANIFEST.exists()


def test_blocks_of_two_scenes_are_places_enough(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    _run(monkeypatch, block_px=16)
    assert len({patch.place_id for patch in read_manifest(MANIFEST)}) == 8
    facts = json.loads(Path("data/raw/labelled/a/scene.json").read_text())
    assert facts["blocks"] == {"block_px": 16, "places": 4}


@pytest.mark.parametrize(
    "error",
    [
        FetchError("no mirror gave a.zip"),
        CatalogueError("no catalogue answers"),
        ExtractError("a.zip cannot be unpacked"),
        NoRoomError("the disk became full"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_a_fault_of_the_source_ends_the_stage_with_its_message(
    monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr(folder, "prepare", fail)
    with pytest.raises(SystemExit) as end:
        _run(monkeypatch, block_px=0)
    assert end.value.code == str(error)
    assert not MANIFEST.exists()
