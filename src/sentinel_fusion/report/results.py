"""The results of a run, read from ``metrics/``; what is not there is None."""

import json
from pathlib import Path
from typing import Any

import pandas as pd

_CELL = ("task", "arm", "use", "label_frac")
_INTERVAL = ("difference", "low", "high")
COLUMNS: dict[str, tuple[str, ...]] = {
    "scores.csv": (*_CELL, "seed", "metric", "value"),
    "intervals.csv": (*_CELL, "metric", "mean", "low", "high"),
    "comparisons.csv": (
        *_CELL,
        *("metric", "versus", "versus_use", "versus_frac"),
        *(*_INTERVAL, "p_value", "p_holm"),
    ),
    "label_saving.csv": (
        *("task", "arm", "use", "reference_arm", "reference", "reached"),
        *("labels_pct", "low_pct", "high_pct"),
        *("saving", "saving_low", "saving_high"),
    ),
    "diagnostics_curves.csv": ("arm", "epoch", "metric", "value"),
    "calibration.csv": (*_CELL, "ece", "classwise_ece", "mean_confidence", "accuracy"),
    "reliability.csv": (*_CELL, "bin", "confidence", "accuracy", "share"),
    "confusion.csv": (*_CELL, "true", "predicted", "count"),
    "places.csv": (*_CELL, "min", "q25", "median", "q75", "max", "num_places"),
    "budget.csv": (
        *(*_CELL, "steps", "batch_size", "augment", "learning_rate", "candidates"),
        *("validations", "best_step", "val_score", "edge"),
    ),
    "realism.csv": (
        *("measure", "group", "synthetic_median", "synthetic_low", "synthetic_high"),
        *("real_low", "real_high", "published", "inside"),
    ),
}
"""File -> columns that the page reads."""


class Results:
    """What the stages left in a folder."""

    def __init__(self, folder: Path) -> None:
        """Look into a folder, which is read when something is asked for.

        Args:
            folder: Such as ``metrics``.
        """
        self.folder = folder

    def table(self, name: str) -> pd.DataFrame | None:
        """A CSV file.

        Args:
            name: A key of ``COLUMNS``.

        Returns:
            Its rows; None where there is no such file or no row in it.

        Raises:
            ValueError: If a column is missing.
        """
        file = self.folder / name
        if not file.is_file():
            return None
        rows = pd.read_csv(file)
        missing = [column for column in COLUMNS[name] if column not in rows]
        if missing:
            raise ValueError(
                f"{file} must have a column {', '.join(missing)}, got "
                f"{', '.join(rows.columns)}; run the stage that writes it"
            )
        return rows if len(rows) else None

    def record(self, name: str) -> dict[str, Any] | None:
        """A JSON file that holds values by name.

        Args:
            name: Its name below the folder.

        Returns:
            Its content; None where there is no such file or nothing in it.
        """
        found: dict[str, Any] | None = self._json(name)
        return found

    def rows(self, name: str) -> list[dict[str, Any]] | None:
        """A JSON file that holds rows.

        Args:
            name: Its name below the folder.

        Returns:
            Its rows; None where there is no such file or no row in it.
        """
        found: list[dict[str, Any]] | None = self._json(name)
        return found

    def _json(self, name: str) -> Any:  # noqa: ANN401 - a record or rows
        file = self.folder / name
        return (json.loads(file.read_text()) or None) if file.is_file() else None

    def pictures(self, name: str) -> list[Path]:
        """The PNG files of a folder.

        Args:
            name: Name of the folder below this one.

        Returns:
            Sorted paths; empty where there is no such folder.
        """
        return sorted((self.folder / name).glob("*.png"))
