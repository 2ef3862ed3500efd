import base64
from pathlib import Path

import pytest
from tests.results import RUN, write_results

from sentinel_fusion.report.pictures import picture, pictures_of
from sentinel_fusion.report.results import Results

ROOT = Path(__file__).parents[2]
COMMITTED = sorted(
    file
    for name in ("data", "maps")
    for file in (ROOT / "metrics" / name).glob("*.png")
)


@pytest.mark.parametrize("file", COMMITTED, ids=lambda file: file.stem)
def test_a_committed_figure_is_described_in_words_of_its_own(file: Path) -> None:
    assert not picture(file, RUN).alt.startswith("Figure")


def test_an_unknown_figure_is_described_by_its_folder_and_name(tmp_path: Path) -> None:
    file = tmp_path / "realism" / "other_spectra.png"
    file.parent.mkdir()
    file.touch()
    assert picture(file, RUN).alt == "Synthetic against real tiles: other spectra."


def test_a_picture_holds_the_files_bytes(tmp_path: Path) -> None:
    results = Results(write_results(tmp_path))
    found = pictures_of("maps", RUN, results)[0]
    head, _, content = found.uri.partition(",")
    assert head == "data:image/png;base64"
    assert base64.b64decode(content) == (tmp_path / "maps" / "maps.png").read_bytes()


def test_a_caption_says_data_and_protocol(tmp_path: Path) -> None:
    results = Results(write_results(tmp_path))
    caption = pictures_of("maps", RUN, results)[0].caption
    assert caption.endswith("(synthetic data, protocol B)")


def test_a_folder_that_is_not_there_has_no_pictures(tmp_path: Path) -> None:
    assert pictures_of("maps", RUN, Results(tmp_path)) == []
