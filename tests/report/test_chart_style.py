import pytest

from sentinel_fusion.report.chart_style import arm_styles, config, contrast
from sentinel_fusion.report.looks import ARM_COLOURS

ARMS = [f"arm{i}" for i in range(len(ARM_COLOURS))]
STYLES = arm_styles([*ARMS, "vgg_arm1", "swin_arm1"], frozenset({"arm0"}))
DARK = "#171b21"


def test_black_on_white_has_the_highest_contrast() -> None:
    assert contrast("#000000", "#ffffff") == pytest.approx(21)


def test_contrast_does_not_depend_on_the_order() -> None:
    assert contrast("#0072b2", DARK) == contrast(DARK, "#0072b2")


def test_a_mid_grey_has_the_contrast_worked_by_hand() -> None:
    # 119 / 255 is linear 0.18447, so (1 + 0.05) / (0.18447 + 0.05)
    assert contrast("#777777", "#ffffff") == pytest.approx(4.478, abs=0.001)


def test_arms_keep_the_palette_on_the_light_theme() -> None:
    assert tuple(STYLES[arm].light for arm in ARMS) == ARM_COLOURS


@pytest.mark.parametrize("arm", ARMS)
def test_every_arm_is_seen_on_the_dark_theme(arm: str) -> None:
    assert contrast(STYLES[arm].dark, DARK) >= 4


def test_arms_differ_on_the_dark_theme() -> None:
    assert len({STYLES[arm].dark for arm in ARMS}) == len(ARMS)


def test_a_colour_that_is_seen_on_dark_stays_as_it_is() -> None:
    assert STYLES["arm1"].dark == "#e69f00"


def test_an_arm_from_scratch_is_dashed_and_a_pre_trained_one_is_not() -> None:
    assert [STYLES[arm].dash for arm in ("arm0", "arm1")] == [(1, 0), (6, 3)]


def test_encoder_families_share_a_colour_and_differ_in_the_rest() -> None:
    family = [STYLES[arm] for arm in ("arm1", "vgg_arm1", "swin_arm1")]
    assert len({style.light for style in family}) == 1
    for look in ("width", "dash", "filling"):
        assert len({getattr(style, look) for style in family}) == len(family)


def test_no_colour_of_the_configuration_ignores_the_theme() -> None:
    axis = config()["axis"]
    colours = [value for key, value in axis.items() if key.endswith("Color")]
    assert len(colours) == 5
    assert all("dark ?" in colour["expr"] for colour in colours)
