"""Colours, symbols and the Vega-Lite configuration of the page's charts.

Every colour is an expression of the signal ``dark``, so that a chart follows the
page's theme without being drawn anew.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import altair as alt

from sentinel_fusion.report.looks import arm_looks

_SURFACE = ("#ffffff", "#171b21")
_INK = ("#1d232b", "#e4e7eb")
_MUTED = ("#59636e", "#9aa4af")
_GRID = ("#e3e6ea", "#2c333c")
_LEAST_CONTRAST = 4.0
"""More than the 3 that WCAG 2.2, 1.4.11 asks of graphics: lines are thin."""
_STEPS_TO_WHITE = 20
_BLACK, _WHITE = "#000000", "#ffffff"
_FONT = "system-ui, -apple-system, 'Segoe UI', Roboto, 'Noto Sans', sans-serif"
_SYMBOLS = {
    "o": "M-1,0A1,1,0,1,1,1,0A1,1,0,1,1,-1,0Z",
    "s": "M-.9,-.9L.9,-.9L.9,.9L-.9,.9Z",
    "D": "M0,-1.25L1.25,0L0,1.25L-1.25,0Z",
    "^": "M0,-1.1L1.15,.9L-1.15,.9Z",
    "v": "M0,1.1L1.15,-.9L-1.15,-.9Z",
    "P": "M-.4,-1.2L.4,-1.2L.4,-.4L1.2,-.4L1.2,.4L.4,.4L.4,1.2L-.4,1.2L-.4,.4"
    "L-1.2,.4L-1.2,-.4L-.4,-.4Z",
    "X": "M-1.1,-.6L-.6,-1.1L0,-.5L.6,-1.1L1.1,-.6L.5,0L1.1,.6L.6,1.1L0,.5"
    "L-.6,1.1L-1.1,.6L-.5,0Z",
    "<": "M-1.1,0L.9,-1.15L.9,1.15Z",
    ">": "M1.1,0L-.9,-1.15L-.9,1.15Z",
    "p": "M0,-1.15L1.1,-.35L.7,.95L-.7,.95L-1.1,-.35Z",
    "h": "M0,-1.15L1,-.58L1,.58L0,1.15L-1,.58L-1,-.58Z",
}
"""Matplotlib's letter of a marker -> the same as a path, one unit in radius."""


@dataclass(frozen=True)
class _Family:
    width: float
    dash: tuple[float, ...]
    filling: float


_FAMILIES = {
    "": _Family(2.2, (6, 3), 1.0),
    "vgg": _Family(1.8, (8, 3, 2, 3), 0.4),
    "swin": _Family(1.4, (3, 3), 0.0),
}
"""Encoder family -> what stands for it, as in the figures of ``curves``."""
_SOLID = (1.0, 0.0)


@dataclass(frozen=True)
class ArmStyle:
    """How an arm is drawn on the page, after its look in the other figures.

    Args:
        light: Hex colour on the light theme.
        dark: Hex colour on the dark theme.
        symbol: Path of its marker.
        width: Width of its lines in px.
        dash: Their dashes and gaps in px; solid where it is pre-trained.
        filling: How much its marker is filled, from 0 to 1.
    """

    light: str
    dark: str
    symbol: str
    width: float
    dash: tuple[float, ...]
    filling: float


def arm_styles(arms: Sequence[str], trained: frozenset[str]) -> dict[str, ArmStyle]:
    """The style of each arm.

    Args:
        arms: All arms of the project, in their fixed order.
        trained: Those with pre-training.

    Returns:
        Arm -> style, in the order of ``arms``.
    """
    return {
        arm: ArmStyle(
            light=look.colour,
            dark=_for_dark(look.colour),
            symbol=_SYMBOLS[look.marker],
            width=_FAMILIES[look.family].width,
            dash=_SOLID if arm in trained else _FAMILIES[look.family].dash,
            filling=_FAMILIES[look.family].filling,
        )
        for arm, look in arm_looks(arms).items()
    }


def contrast(colour: str, other: str) -> float:
    """Contrast ratio of two colours.

    Args:
        colour: Hex colour.
        other: Hex colour.

    Returns:
        From 1 (the same lightness) to 21 (black on white).

    Source: WCAG 2.2, definitions of contrast ratio and relative luminance.
    """
    high, low = sorted((_luminance(colour), _luminance(other)), reverse=True)
    return (high + 0.05) / (low + 0.05)


def _luminance(colour: str) -> float:
    channels = [value / 255 for value in _rgb(colour)]
    linear = [
        c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels
    ]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def _rgb(colour: str) -> tuple[int, ...]:
    return tuple(bytes.fromhex(colour.removeprefix("#")))


def _for_dark(colour: str) -> str:
    """The colour, as much nearer to white as it takes to be seen on the dark theme."""
    if colour == _BLACK:
        return _WHITE  # a grey would look like the marks in the background
    for step in range(_STEPS_TO_WHITE + 1):
        share = step / _STEPS_TO_WHITE
        mixed = [round(value + share * (255 - value)) for value in _rgb(colour)]
        found = f"#{bytes(mixed).hex()}"
        if contrast(found, _SURFACE[1]) >= _LEAST_CONTRAST:
            break
    return found


def themed(light: str, dark: str) -> alt.ExprRef:
    """A colour that follows the theme.

    Args:
        light: Hex colour on the light theme.
        dark: Hex colour on the dark theme.

    Returns:
        An expression of the signal ``dark``.
    """
    return alt.ExprRef(f"dark ? '{dark}' : '{light}'")


INK = themed(*_INK)
MUTED = themed(*_MUTED)
SURFACE = themed(*_SURFACE)


def config() -> dict[str, Any]:
    """Vega-Lite's configuration for all charts.

    Returns:
        Fonts and themed colours.
    """
    ink, muted, grid = ({"expr": e.expr} for e in (INK, MUTED, themed(*_GRID)))
    return {
        "background": {"expr": SURFACE.expr},
        "font": _FONT,
        "view": {"stroke": None},
        "axis": {
            "labelColor": ink,
            "titleColor": muted,
            "gridColor": grid,
            "domainColor": grid,
            "tickColor": grid,
            "labelFontSize": 12,
            "titleFontSize": 12,
            "titleFontWeight": "normal",
            "labelLimit": 300,
        },
        "legend": {
            "labelColor": ink,
            "titleColor": muted,
            "labelFontSize": 12,
            "titleFontWeight": "normal",
            "orient": "bottom",
            "columns": 2,
        },
        "title": {
            "anchor": "start",
            "frame": "bounds",
            "color": ink,
            "subtitleColor": muted,
            "fontSize": 14,
            "subtitleFontSize": 12,
            "offset": 12,
        },
    }
