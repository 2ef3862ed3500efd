"""Refuse a params.yaml with an unknown key or a value out of range."""

import logging
import sys
from pathlib import Path

from sentinel_fusion.params import ParamsError, load_params

OUT = Path("data/params_checked")


def main() -> None:
    """Check params.yaml and leave a constant file for the other stages to wait for."""
    try:
        params = load_params(paths_must_exist=True)
    except ParamsError as error:
        sys.exit(str(error))
    for role, source in params.sources:
        if params.fetches(role):  # DVC wants a dep to exist before the stage fills it
            source.path.mkdir(parents=True, exist_ok=True)
    OUT.parent.mkdir(parents=True, exist_ok=True)
    OUT.write_text("params.yaml has been checked\n")


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    main()
