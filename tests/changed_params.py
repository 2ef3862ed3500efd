"""params.yaml of this repository with a few keys changed."""

from pathlib import Path
from typing import Any

import yaml

from sentinel_fusion.params import Params, load_params

ROOT = Path(__file__).resolve().parents[1]
LIVE = ROOT / "params.yaml"
PAPER = ROOT / "presets" / "paper.yaml"
GONE = object()
"""Value of a key that is taken out."""
ARM = {
    "method": "scratch",
    "loss": "none",
    "encoder": "resnet",
    "inputs": ["s1", "s2"],
    "fusion": "early",
}
S2 = {**ARM, "inputs": ["s2"], "fusion": "single"}


def load_changed(folder: Path, changes: dict[str, object]) -> Params:
    """Load a copy of params.yaml, written to a folder, with dotted keys changed."""
    values: dict[str, Any] = yaml.safe_load(LIVE.read_text())
    for key, value in changes.items():
        *path, last = key.split(".")
        section = values
        for part in path:
            section = section[part]
        section[last] = value
        if value is GONE:
            del section[last]
    file = folder / "params.yaml"
    file.write_text(yaml.safe_dump(values, sort_keys=False))
    return load_params(file)
