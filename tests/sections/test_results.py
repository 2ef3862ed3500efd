from pathlib import Path

import pytest
from tests.changed_params import load_changed

from sentinel_fusion.params import ParamsError

pytestmark = pytest.mark.usefixtures("in_repository")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        pytest.param(
            {"intervals.comparisons": ["everything"]},
            r"intervals\.comparisons\.0 must be 'twin' or 'best_supervised'",
            id="unknown comparison",
        ),
        pytest.param(
            {"intervals.draws": 10},
            r"intervals\.draws must be greater than or equal to 100, got 10",
            id="too few draws",
        ),
    ],
)
def test_interval_that_cannot_be_trusted_is_refused(
    tmp_path: Path, changes: dict[str, object], message: str
) -> None:
    with pytest.raises(ParamsError, match=message):
        load_changed(tmp_path, changes)
