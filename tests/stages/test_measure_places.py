import json
from pathlib import Path

import numpy as np
import pytest
import yaml
from stages import measure_places
from stages.measure_places import main

from sentinel_fusion.bands import S2_BANDS
from sentinel_fusion.data.synthetic.layout import write_sen12ms

ROOT = Path(__file__).parents[2]
SAMPLE = ROOT.parent / "shared" / "sample"
KEPT = ROOT / yaml.safe_load((ROOT / "params.yaml").read_text())["realism"]["real"]


@pytest.fixture
def rasters(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(ROOT)
    write_sen12ms(
        tmp_path / "rasters",
        seed=0,
        num_places=1,
        patches_per_place=2,
        patch_px=64,
        workers=1,
    )
    return tmp_path / "rasters"


@pytest.mark.parametrize(("each_patch", "number"), [(False, 1), (True, 2)])
def test_rasters_become_measures_of_their_places(
    each_patch: bool, number: int, rasters: Path, tmp_path: Path
) -> None:
    file = tmp_path / "places.json"
    main(file, [f"sen12ms:{rasters}"], each_patch=each_patch, about="generated")
    content = json.loads(file.read_text())
    assert len(content["places"]) == number
    assert content["about"] == "generated"
    assert content["places"][0]["name"].startswith("sen12ms spring-1")


def test_an_unknown_source_is_refused(rasters: Path, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"source of sen12ms, .*, got 'bigearth:x'"):
        main(tmp_path / "f.json", ["bigearth:x"], each_patch=False, about="")


def test_rasters_without_a_whole_tile_are_refused(
    rasters: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(measure_places, "TILE_PX", 128)
    with pytest.raises(ValueError, match=r"must hold a tile of 128 px"):
        main(tmp_path / "f.json", [f"sen12ms:{rasters}"], each_patch=False, about="")


def test_the_kept_places_are_five_with_all_bands() -> None:
    content = json.loads(KEPT.read_text())
    assert len(content["places"]) == 5
    for place in content["places"]:
        assert set(S2_BANDS) < set(place["values"]["means"])


@pytest.mark.slow
@pytest.mark.skipif(not SAMPLE.is_dir(), reason=f"{SAMPLE} is missing")
def test_the_kept_places_come_from_the_sample(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(ROOT)
    file = tmp_path / "places.json"
    folders = (("sen12ms", "sen12ms"), ("dfc2020", "dfc2020"), ("folder", "scene"))
    rasters = [f"{source}:{SAMPLE / folder}" for source, folder in folders]
    main(file, rasters, each_patch=True, about="")
    kept, again = (json.loads(f.read_text())["places"] for f in (KEPT, file))
    assert [place["name"] for place in kept] == [place["name"] for place in again]
    for old, new in zip(kept, again, strict=True):
        for group, measures in old["values"].items():
            np.testing.assert_allclose(
                list(new["values"][group].values()),
                list(measures.values()),
                rtol=2e-3,
                atol=1e-4,
            )
