from pathlib import Path

import pytest
from tests.changed_params import load_changed

from sentinel_fusion.params import ParamsError

pytestmark = pytest.mark.usefixtures("in_repository")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        pytest.param(
            {"pretrain.learning_rate": float("inf")},
            r"pretrain\.learning_rate must be a finite number, got inf",
            id="not finite",
        ),
        pytest.param(
            {"finetune.label_frac": True},
            r"finetune\.label_frac must not be true or false",
            id="truth value for a number",
        ),
    ],
)
def test_value_that_no_key_takes_is_refused(
    tmp_path: Path, changes: dict[str, object], message: str
) -> None:
    with pytest.raises(ParamsError, match=message):
        load_changed(tmp_path, changes)
