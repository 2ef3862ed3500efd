import json
from pathlib import Path

import pytest
from stages import download
from tests.builders import write_folder_scene

from sentinel_fusion.data.patches import read_manifest
from sentinel_fusion.params import load_params
from sentinel_fusion.sections import Source

LIVE = Path(__file__).parents[2] / "params.yaml"
MANIFEST = Path("data/raw/labelled/patches.csv")


@pytest.fixture(autouse=True)
def _two_scenes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in "ab":
        write_folder_scene(Path("mine") / name, size_px=32, codes=(1, 2))


def _run(monkeypatch: pytest.MonkeyPatch, block_px: int) -> None:
    params = load_params(LIVE, paths_must_exist=False)
    own = Source(source="folder", path=Path("mine"))
    folder = params.download.folder.model_copy(
        update={"block_px": block_px, "s2_offset": 0}
    )
    values = {
        "sources": params.sources.model_copy(update={"labelled": own}),
        "download": params.download.model_copy(update={"folder": folder}),
        "split": params.split.model_copy(update={"protocol": "places"}),
    }
    params = params.model_copy(update=values)
    monkeypatch.setattr(download, "load_params", lambda: params)
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
