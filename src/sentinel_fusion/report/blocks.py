"""What a section of the page is made of; the template knows how each is shown."""

import base64
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import pandas as pd


@dataclass(frozen=True)
class Note:
    """A sentence.

    Args:
        text: The sentence.
        is_gap: Whether it says that something is not available.
    """

    text: str
    is_gap: bool = False
    kind: str = "note"


def gap(name: str) -> Note:
    """What stands in the place of a result that is not there.

    Args:
        name: File below ``metrics/``.

    Returns:
        A note that names the file.
    """
    return Note(
        f"Not available: metrics/{name} was missing or empty when this page was "
        "written.",
        is_gap=True,
    )


@dataclass(frozen=True)
class Table:
    """A table; the first column names the row.

    Args:
        caption: What it shows, in words.
        head: Names of the columns.
        rows: Cells of each row.
        text_columns: Columns from the left that hold words, not numbers.
        task: Task whose table it is, if it is one's only.
        is_folded: Whether a reader has to open it.
    """

    caption: str
    head: tuple[str, ...]
    rows: list[tuple[str, ...]]
    text_columns: int = 1
    task: str = ""
    is_folded: bool = False
    kind: str = "table"


@dataclass(frozen=True)
class Switch:
    """A choice that belongs to the charts of a row.

    Args:
        name: Signal of the charts that it sets.
        title: What it chooses, in words.
        options: Value -> tasks it can be chosen for; none where the task does not
            matter.
        chosen: Value at first.
    """

    name: str
    title: str
    options: Mapping[str, tuple[str, ...]]
    chosen: str


@dataclass(frozen=True)
class Chart:
    """An interactive chart of a group.

    Args:
        key: Name of the chart on the page.
        spec: Vega-Lite, which names its data.
        data: Name in ``spec`` -> rows.
        use: Use of the encoder that it shows, if only one.
        min_px: Width below which a reader scrolls sideways.
    """

    key: str
    spec: dict[str, Any]
    data: Mapping[str, pd.DataFrame]
    use: str = ""
    min_px: int = 0


@dataclass(frozen=True)
class Charts:
    """Charts that stand side by side where the screen is wide enough.

    Args:
        charts: The charts.
        caption: What they show and how to read them.
        tasks: Tasks they have data of; none where the task does not matter.
        switch: A choice of their own.
    """

    charts: tuple[Chart, ...]
    caption: str
    tasks: tuple[str, ...] = ()
    switch: Switch | None = None
    kind: str = "charts"


@dataclass(frozen=True)
class Row:
    """Tables that stand side by side where the screen is wide enough.

    Args:
        tables: The tables.
    """

    tables: tuple[Table, ...]
    kind: str = "row"


@dataclass(frozen=True)
class Picture:
    """A figure drawn by another stage.

    Args:
        uri: The image as a data URI.
        alt: What it shows, for those who do not see it.
        caption: What stands below it.
        is_fallback: Whether it stands in for a chart where no script runs.
    """

    uri: str
    alt: str
    caption: str
    is_fallback: bool = False
    kind: str = "picture"


@dataclass(frozen=True)
class Verdict:
    """The answer of one task.

    Args:
        task: The task.
        word: "holds", "undecided" or "does not hold".
        sentences: The answer in words.
    """

    task: str
    word: str
    sentences: tuple[str, ...]
    kind: str = "verdict"


@dataclass(frozen=True)
class Text:
    """Text as it stands in a file, folded away.

    Args:
        title: What it is.
        text: The text.
    """

    title: str
    text: str
    kind: str = "text"


Block = Note | Table | Charts | Row | Picture | Verdict | Text
T = TypeVar("T")


def or_gap(
    name: str, found: T | None, show: Callable[[T], Sequence[Block]]
) -> list[Block]:
    """What shows a result, or what stands in its place.

    Args:
        name: File below ``metrics/``.
        found: What is in it, if it is there.
        show: Blocks that show it.

    Returns:
        Those blocks, or a gap.
    """
    return [gap(name)] if found is None else [*show(found)]


@dataclass(frozen=True)
class Section:
    """A part of the page with a heading.

    Args:
        key: Name in the page's address.
        title: The heading.
        lead: A sentence or two on what is shown.
        blocks: What it holds.
    """

    key: str
    title: str
    lead: str
    blocks: list[Block] = field(default_factory=list)


def data_uri(file: Path) -> str:
    """A PNG file as an address that holds it.

    Args:
        file: The file.

    Returns:
        A data URI.
    """
    return f"data:image/png;base64,{base64.b64encode(file.read_bytes()).decode()}"
