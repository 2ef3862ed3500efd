from pathlib import Path

import pytest
import yaml
from tests.changed_params import LIVE, PAPER, load_changed

from sentinel_fusion.params import ParamsError, load_params

pytestmark = pytest.mark.usefixtures("in_repository")


@pytest.mark.parametrize("file", [LIVE, PAPER], ids=["live", "paper"])
def test_params_of_the_repository_load(file: Path) -> None:
    values = yaml.safe_load(file.read_text())
    assert load_params(file, paths_must_exist=file == LIVE).seed == values["seed"]


def test_changed_value_is_loaded(tmp_path: Path) -> None:
    assert load_changed(tmp_path, {"seed": 7}).seed == 7


def test_every_fault_has_a_line_that_names_the_file(tmp_path: Path) -> None:
    with pytest.raises(ParamsError) as caught:
        load_changed(tmp_path, {"seed": -1, "tile.colour": 1})
    lines = str(caught.value).splitlines()
    assert len(lines) == 2
    assert all(line.startswith(str(tmp_path / "params.yaml")) for line in lines)


def test_path_that_does_not_exist_is_refused(tmp_path: Path) -> None:
    message = r"sources\.labelled\.path must exist, got nowhere; give the folder"
    load_changed(tmp_path, {"sources.labelled.path": "nowhere"})
    with pytest.raises(ParamsError, match=message):
        load_params(tmp_path / "params.yaml", paths_must_exist=True)


def test_rasters_need_not_exist_where_only_tiles_are_read(tmp_path: Path) -> None:
    params = load_changed(tmp_path, {"sources.labelled.path": "nowhere"})
    assert params.sources.labelled.path == Path("nowhere")


def test_empty_file_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "params.yaml"
    file.write_text("")
    with pytest.raises(ParamsError, match=r"must be a valid dict.*; mend it"):
        load_params(file)
