import pandas as pd
import pytest
from tests.results import RUN

from sentinel_fusion.classes import CLASS_COLOURS, CLASS_NAMES
from sentinel_fusion.report.blocks import Switch
from sentinel_fusion.report.quality_charts import confusion_charts

CELL = {"task": "single_label", "use": "frozen", "label_frac": 1.0}
COUNTS = pd.DataFrame(
    [
        {**CELL, "arm": arm, "true": true, "predicted": predicted, "count": count}
        for arm in ("late", "dual_simclr")
        for true, predicted, count in (
            ("water", "water", 3),
            ("water", "wetland", 1),
            ("urban", "water", 0),
        )
    ]
)
CHARTS = confusion_charts(RUN, COUNTS)


def test_a_row_of_the_confusion_is_shared_out_among_the_predictions() -> None:
    rows = CHARTS.charts[0].data["confusion"]
    late = rows[rows["arm"] == "late"].set_index("predicted")["share"]
    assert late.to_dict() == pytest.approx({"water": 0.75, "wetland": 0.25})


def test_the_confusion_of_a_pre_trained_arm_is_shown_first() -> None:
    tasks = {"late": ("single_label",), "dual_simclr": ("single_label",)}
    assert CHARTS.switch == Switch("arm", "Arm", tasks, "dual_simclr")


def test_classes_stand_beside_their_fixed_colours() -> None:
    rows = CHARTS.charts[0].spec["datasets"].values()
    assert list(rows) == [
        [
            {"true": name, "colour": colour}
            for name, colour in zip(CLASS_NAMES, CLASS_COLOURS, strict=True)
        ]
    ]
