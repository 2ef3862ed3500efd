import pandas as pd
import pytest

from sentinel_fusion.report.looks import arm_looks, drawn_looks

ARMS = (
    *("s1", "s2", "early", "late", "dual_simclr", "s2_rgb", "simclr_rgb", "simclr"),
    *("vgg_late", "mma", "swin_s1", "swin_s2", "swin_early", "swin_late"),
    *("swin_dual_simclr", "ensemble"),
)


def test_every_arm_has_a_look_of_its_own() -> None:
    looks = arm_looks(ARMS)
    assert tuple(looks) == ARMS
    assert len(set(looks.values())) == len(ARMS)


def test_a_family_shares_colour_and_marker_with_its_plain_arm() -> None:
    looks = arm_looks(ARMS)
    swin, plain = looks["swin_dual_simclr"], looks["dual_simclr"]
    assert (swin.colour, swin.marker) == (plain.colour, plain.marker)
    assert (swin.family, plain.family) == ("swin", "")


def test_a_family_without_its_plain_arm_stands_for_itself() -> None:
    assert arm_looks(("s1", "swin_late"))["swin_late"].family == ""


def test_only_arms_with_a_row_are_drawn_and_look_as_among_all() -> None:
    rows = pd.DataFrame({"arm": ["late", "early", "late"]})
    looks = arm_looks(ARMS)
    expected = {arm: looks[arm] for arm in ("early", "late")}
    assert list(drawn_looks(rows, ARMS).items()) == list(expected.items())


def test_an_arm_missing_from_the_list_is_refused() -> None:
    other = pd.DataFrame({"arm": ["late", "croma"]})
    with pytest.raises(ValueError, match="must list every arm drawn, got no croma"):
        drawn_looks(other, ARMS)
