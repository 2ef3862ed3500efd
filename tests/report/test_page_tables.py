import math

import pandas as pd
import pytest

from sentinel_fusion.report.page_tables import (
    NOTHING,
    frame_table,
    number,
    record_table,
    record_tables,
    records_table,
    words_table,
)

MINUS = "\N{MINUS SIGN}"


@pytest.mark.parametrize(
    ("value", "style", "factor", "cell"),
    [
        (0.685, ".1f", 100, "68.5"),
        (-0.016, "+.1f", 100, f"{MINUS}1.6"),
        (None, ".1f", 1, NOTHING),
        (math.nan, ".1f", 1, NOTHING),
        (math.inf, ".1f", 1, NOTHING),
    ],
)
def test_a_figure_is_a_cell(
    value: float | None, style: str, factor: float, cell: str
) -> None:
    assert number(value, style, factor) == cell


def test_a_frame_is_a_table_of_its_wanted_columns() -> None:
    rows = pd.DataFrame(
        {
            "use": ["frozen"],
            "label_frac": [0.1],
            "ece": [None],
            "task": ["a_task"],
            "arm": ["an_arm"],
        }
    )
    columns = {
        "task": ("task", "task"),
        "arm": ("arm", ""),
        "use": ("use", "use"),
        "label_frac": ("labels", "share"),
        "ece": ("ECE", ".3f"),
    }
    table = frame_table("calibration", rows, columns)
    assert table.head == ("task", "arm", "use", "labels", "ECE")
    assert table.rows == [("a task", "an_arm", "frozen encoder", "10 %", NOTHING)]
    assert table.text_columns == 3


def test_a_record_is_a_table_of_what_lies_in_it() -> None:
    table = record_table("data", {"tiles": 7680, "mean_s1": {"VV": -14.29}})
    assert table.rows == [("tiles", "7,680"), ("mean s1, VV", f"{MINUS}14.29")]


def test_records_stand_side_by_side() -> None:
    table = records_table("end", {"mma": {"top_1": 0.25}, "simclr": {"rank": 12}})
    assert table.head == ("what", "mma", "simclr")
    assert table.rows == [("top 1", "0.25", NOTHING), ("rank", NOTHING, "12")]


def test_words_are_a_table_of_words() -> None:
    table = words_table("Versions", {"torch": "2.12"})
    assert (table.rows, table.text_columns) == ([("torch", "2.12")], 2)


def test_grids_of_numbers_have_tables_of_their_own() -> None:
    shared = {"train_val": {"place": 0}, "val_test": {"place": 2}}
    tables = record_tables("leakage", {"tiles": 3, "shared": shared})
    assert [table.caption for table in tables] == ["leakage", "leakage: shared"]
    assert tables[1].head == ("what", "train_val", "val_test")
    assert tables[1].rows == [("place", "0", "2")]
