import sys
from types import ModuleType

import pytest

from sentinel_fusion.metrics import multi_label, segmentation, single_label
from sentinel_fusion.metrics.task_metrics import TaskMetrics, metrics_of

TASKS: dict[str, TaskMetrics] = {
    "single_label": single_label,
    "multi_label": multi_label,
    "segmentation": segmentation,
}
"""mypy compares the signatures."""


@pytest.mark.parametrize("task", TASKS)
def test_a_task_has_its_own_metrics(task: str) -> None:
    assert metrics_of(task) is TASKS[task]


def test_metrics_that_lack_something_are_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    module = ModuleType("mine")
    vars(module).update(
        {n: v for n, v in vars(single_label).items() if n not in {"join", "LEVELS"}}
    )
    monkeypatch.setitem(sys.modules, "sentinel_fusion.metrics.mine", module)
    with pytest.raises(TypeError, match=r"metrics/mine\.py must define LEVELS, join;"):
        metrics_of("mine")
