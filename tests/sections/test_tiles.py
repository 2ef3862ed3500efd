from pathlib import Path

import pytest
from tests.changed_params import LIVE, load_changed

from sentinel_fusion.params import ParamsError, load_params

pytestmark = pytest.mark.usefixtures("in_repository")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        pytest.param(
            {"split.protocol": "D"},
            r"split\.protocol must be 'A', 'B', 'C', 'holdout' or 'places', got 'D'",
            id="word not in the list",
        ),
        pytest.param(
            {"split.train_labels": "random"},
            r"split\.train_labels must be 'given' or 'permuted', got 'random'",
            id="labels of another kind",
        ),
        pytest.param(
            {"split.list": "../mine"},
            r"split\.list .*must match.*, got '\.\./mine'",
            id="list outside of the folder",
        ),
        pytest.param(
            {"tile.scheduler": "host:8786"},
            r"tile\.scheduler .*must match.*, got 'host:8786'; set it with",
            id="scheduler without a protocol",
        ),
    ],
)
def test_unknown_choice_is_refused(
    tmp_path: Path, changes: dict[str, object], message: str
) -> None:
    with pytest.raises(ParamsError, match=message):
        load_changed(tmp_path, changes)


def test_permuted_training_labels_are_part_of_what_a_figure_says(
    tmp_path: Path,
) -> None:
    given = load_params(LIVE).split
    permuted = load_changed(tmp_path, {"split.train_labels": "permuted"}).split
    assert given.describe() == f"protocol {given.protocol}"
    listed = given.model_copy(update={"protocol": "C", "list": "mine"})
    assert listed.describe() == "protocol C by list mine"
    assert permuted.describe().endswith(", training labels permuted at random")
