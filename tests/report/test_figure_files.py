from pathlib import Path

import pytest
from matplotlib.figure import Figure

from sentinel_fusion.report.figure_files import save_figure


def _clipped_line() -> Figure:
    """A figure whose SVG has an element id, that of the clip path."""
    figure = Figure()
    figure.subplots().plot([0, 1])
    return figure


@pytest.mark.parametrize("suffix", ["svg", "png"])
def test_the_same_content_gives_the_same_bytes(tmp_path: Path, suffix: str) -> None:
    for name in ("first", "second"):
        save_figure(_clipped_line(), tmp_path, name)
    first, second = ((tmp_path / f"{n}.{suffix}") for n in ("first", "second"))
    assert first.read_bytes() == second.read_bytes()
