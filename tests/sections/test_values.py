from pathlib import Path

import pytest
from tests.changed_params import ARM, load_changed

from sentinel_fusion.params import ParamsError

pytestmark = pytest.mark.usefixtures("in_repository")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        pytest.param(
            {"split.val_frac": 0},
            r"split\.val_frac must be greater than 0, got 0; set it with -S",
            id="open share of 0",
        ),
        pytest.param(
            {"pretrain.epochs": 1.5},
            r"pretrain\.epochs must be a valid integer.*, got 1\.5",
            id="fraction for a whole number",
        ),
        pytest.param(
            {"grid.label_fracs": [0.1, 0.5, 0.1]},
            r"grid\.label_fracs must not repeat 0\.1, got .*; set it with -S",
            id="repeated list entry",
        ),
        pytest.param(
            {"grid.label_fracs": [0.1, 2]},
            r"grid\.label_fracs\.1 must be less than or equal to 1, got 2",
            id="list entry out of range",
        ),
        pytest.param(
            {"arms.My-Arm": ARM}, r"arms\.My-Arm .*must match", id="name with capitals"
        ),
        pytest.param(
            {"grid.arms.single_label": ["late", "late"]},
            r"grid\.arms\.single_label must not repeat 'late'",
            id="arm twice in a task",
        ),
        pytest.param(
            {"grid.arms": {"single_label": [], "multi_label": []}},
            r"grid\.arms needs at least one task with arms",
            id="no task with arms",
        ),
        pytest.param(
            {"arms.mine": {**ARM, "method_options": {"views": {"a": 1}}}},
            r"arms\.mine\.method_options\.views must be a string, a number or a list",
            id="section for an option",
        ),
        pytest.param(
            {"methods.scratch": {"sizes": [[1]]}},
            r"methods\.scratch\.sizes must be a string, a number or a list of them",
            id="list in a list for an option",
        ),
    ],
)
def test_value_of_another_kind_is_refused(
    tmp_path: Path, changes: dict[str, object], message: str
) -> None:
    with pytest.raises(ParamsError, match=message):
        load_changed(tmp_path, changes)
