from pathlib import Path

import pytest
from tests.changed_params import ARM, S2, load_changed

from sentinel_fusion.params import ParamsError

pytestmark = pytest.mark.usefixtures("in_repository")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        pytest.param(
            {"arms.mine": {**ARM, "inputs": ["s1"]}},
            r"arms\.mine fusion early needs 2 input\(s\), got s1",
            id="fusion of one input",
        ),
        pytest.param(
            {"arms.mine": {**ARM, "fusion": "single"}},
            r"arms\.mine fusion single needs 1 input\(s\), got s1, s2",
            id="two inputs without fusion",
        ),
        pytest.param(
            {"arms.mine": {**S2, "bands": {"s1": ["VV"]}}},
            r"arms\.mine bands are given for s1, which is not among the inputs s2",
            id="bands of a sensor that is no input",
        ),
        pytest.param(
            {"arms.mine": {**S2, "bands": {"s2": ["B04", "B4"]}}},
            r"arms\.mine s2 bands must be among B01, .*B12, got B4; mend it",
            id="unknown band",
        ),
        pytest.param(
            {"arms.mine": {**S2, "bands": {"s2": ["B04", "B04"]}}},
            r"arms\.mine\.bands\.s2 must not repeat 'B04'",
            id="band twice",
        ),
        pytest.param(
            {"arms.mine": {**S2, "bands": {"s3": ["B04"]}}},
            r"arms\.mine\.bands\.s3.* must be 's1' or 's2', got 's3'",
            id="bands of an unknown sensor",
        ),
    ],
)
def test_arm_that_contradicts_itself_is_refused(
    tmp_path: Path, changes: dict[str, object], message: str
) -> None:
    with pytest.raises(ParamsError, match=message):
        load_changed(tmp_path, changes)


def test_a_single_tile_is_not_watched(tmp_path: Path) -> None:
    message = r"pretrain\.watched_tiles .* greater than or equal to 2, got 1"
    with pytest.raises(ParamsError, match=message):
        load_changed(tmp_path, {"pretrain.watched_tiles": 1})
