"""Gather what a stage of dvc.yaml depends on, code and params, into one small file."""

import hashlib
import json
import sys
from pathlib import Path

import yaml

OUT = Path("data/recipes")


def main(stage: str) -> None:
    """Write ``data/recipes/<stage>``: a line a file, then a line a param.

    Args:
        stage: Name of a stage in dvc.yaml whose deps are source files.
    """
    described = yaml.safe_load(Path("dvc.yaml").read_text())["stages"][stage]
    lines = [
        f"{file} {hashlib.sha256(Path(file).read_bytes()).hexdigest()}"
        for file in sorted(described["deps"])
    ]
    for key in described.get("params", ()):
        value = yaml.safe_load(Path("params.yaml").read_text())
        for part in key.split("."):
            value = value[part]
        lines.append(f"{key} {json.dumps(value, sort_keys=True)}")
    OUT.mkdir(parents=True, exist_ok=True)
    out = OUT / stage
    out.unlink(missing_ok=True)  # may be a hard link into DVC's cache
    out.write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main(sys.argv[1])
