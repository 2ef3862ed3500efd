"""How an arm looks in every figure: its colour, marker, fill and line."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

ARM_COLOURS = (
    *("#0072b2", "#e69f00", "#009e73", "#cc79a7", "#d55e00", "#56b4e9", "#000000"),
    *("#8c510a", "#5e3c99", "#8a8a00"),
)
"""Okabe and Ito's palette, told apart with every common colour blindness, then three
darker ones for figures with more arms than it has colours."""
MARKERS = "osD^vPX<>ph"
"""Matplotlib's letters, one more than the colours: pairs repeat after 110 arms."""


@dataclass(frozen=True)
class _Family:
    fill: str
    is_hollow: bool
    line_width: float
    dashes: tuple[float, ...]


_FAMILIES = {
    "": _Family("full", False, 1.6, (3.5, 1.5)),
    "vgg": _Family("left", False, 1.2, (5, 1.5, 1, 1.5)),
    "swin": _Family("full", True, 1.0, (3, 2)),
}
"""Encoder families that stand in front of another arm's name, and the plain arms."""


@dataclass(frozen=True)
class ArmLook:
    """How an arm is drawn in every figure.

    Args:
        colour: Hex colour, shared by the arms that differ by encoder family only.
        marker: Matplotlib's letter, shared likewise.
        family: Encoder family, which sets marker fill, line width and dashes.
    """

    colour: str
    marker: str
    family: str


def arm_looks(arms: Sequence[str]) -> dict[str, ArmLook]:
    """The look of each arm, from its place among all arms.

    An arm named after another with a known family in front ("swin_late" beside
    "late") takes that arm's colour and marker with the family's fill and line.

    Args:
        arms: All arms of the project, in a fixed order; a figure may show fewer.

    Returns:
        Arm -> look, in the order of ``arms``.
    """
    split = {arm: _split_family(arm, arms) for arm in arms}
    roles = list(dict.fromkeys(role for _, role in split.values()))
    looks = {}
    for arm, (family, role) in split.items():
        number = roles.index(role)
        colour = ARM_COLOURS[number % len(ARM_COLOURS)]
        marker = MARKERS[number % len(MARKERS)]
        looks[arm] = ArmLook(colour, marker, family)
    return looks


def drawn_looks(rows: pd.DataFrame, arms: Sequence[str]) -> dict[str, ArmLook]:
    """The looks of the arms that have a row.

    Args:
        rows: What is drawn; has a column "arm".
        arms: All arms of the project.

    Returns:
        Arm -> look, in the order of ``arms``.

    Raises:
        ValueError: If an arm that is drawn is not among ``arms``.
    """
    drawn = set(rows["arm"])
    unknown = sorted(drawn - set(arms))
    if unknown:
        raise ValueError(f"arms must list every arm drawn, got no {', '.join(unknown)}")
    return {arm: look for arm, look in arm_looks(arms).items() if arm in drawn}


def marker_style(look: ArmLook) -> dict[str, Any]:
    """An arm's colour and marker as Matplotlib takes them.

    Args:
        look: Look of the arm.

    Returns:
        Arguments of a line.
    """
    family = _FAMILIES[look.family]
    return {
        "color": look.colour,
        "marker": look.marker,
        "fillstyle": family.fill,
        "markerfacecolor": "white" if family.is_hollow else look.colour,
        "markerfacecoloralt": "white",
    }


def line_style(look: ArmLook, *, is_trained: bool) -> dict[str, Any]:
    """An arm's line as Matplotlib takes it.

    Args:
        look: Look of the arm.
        is_trained: Whether the arm has pre-training: drawn solid, else dashed.

    Returns:
        Arguments of a line.
    """
    family = _FAMILIES[look.family]
    return {
        **marker_style(look),
        "linestyle": "-" if is_trained else (0, family.dashes),
        "linewidth": family.line_width,
        "markersize": 5.5,
    }


def _split_family(arm: str, arms: Sequence[str]) -> tuple[str, str]:
    family, _, role = arm.partition("_")
    return (family, role) if family in _FAMILIES and role in arms else ("", arm)
