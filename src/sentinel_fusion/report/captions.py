"""Captions below figures, wrapped to the width of the page."""

from textwrap import fill

_POINTS_AN_INCH = 72
_CHARACTER_EM = 0.7
"""A little more than the mean width of a character, as a share of the font size."""
_MARGIN_CHARACTERS = 4


def wrap_caption(text: str, width_in: float, *, font_pt: float) -> str:
    """A caption in lines that fit a figure.

    Args:
        text: The caption.
        width_in: Width of the figure in inches.
        font_pt: Font size in points.

    Returns:
        The text with line breaks.
    """
    characters = int(width_in * _POINTS_AN_INCH / (_CHARACTER_EM * font_pt))
    return fill(text, characters - _MARGIN_CHARACTERS)
