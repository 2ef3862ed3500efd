from pathlib import Path

import pytest
from tests.changed_params import ARM, GONE, load_changed

from sentinel_fusion.params import ParamsError

pytestmark = pytest.mark.usefixtures("in_repository")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        pytest.param(
            {"colour": 1},
            "unknown key colour; valid keys there: seed, .*; mend or remove it",
            id="unknown key at the top",
        ),
        pytest.param(
            {"tile.colour": 1},
            r"unknown key tile\.colour; valid keys there: size_px, stride_px, .*; mend",
            id="unknown nested key",
        ),
        pytest.param(
            {"sources.pretrain.colour": 1},
            r"unknown key sources\.pretrain\.colour; valid keys there: source, path;",
            id="unknown key two levels down",
        ),
        pytest.param(
            {"arms.mine": {**ARM, "colour": 1}},
            r"unknown key arms\.mine\.colour; valid keys there: method, loss, ",
            id="unknown key of an arm",
        ),
        pytest.param(
            {"seed": GONE}, "seed is missing; add it", id="missing key at the top"
        ),
        pytest.param(
            {"tile.size_px": GONE}, r"tile\.size_px is missing; add it", id="missing"
        ),
        pytest.param(
            {"tile.min_label_share": 1.5},
            r"tile\.min_label_share must be .* equal to 1, got 1\.5; "
            r"set it with -S tile\.min_label_share=VALUE",
            id="share above 1",
        ),
        pytest.param(
            {"tile": 3}, r"tile must be a valid dict.*, got 3", id="number for section"
        ),
        pytest.param(
            {"seeds": []}, "seeds .*must have at least 1 item", id="empty list"
        ),
        pytest.param(
            {"pretrain.epochs": "many"},
            r"pretrain\.epochs must be a valid integer.*, got 'many'; set it with -S",
            id="word for a number",
        ),
    ],
)
def test_fault_is_told_with_key_rule_and_remedy(
    tmp_path: Path, changes: dict[str, object], message: str
) -> None:
    with pytest.raises(ParamsError, match=message):
        load_changed(tmp_path, changes)
