"""Build every arm once, so that a bad option is refused before any stage works."""

import sys
from pathlib import Path

from sentinel_fusion.params import load_params
from sentinel_fusion.train.arms import ArmConfig, build_method

OUT = Path("data/arms_checked")


def main() -> None:
    """Build the arms and leave a constant file for the other stages to wait for."""
    params = load_params()
    for name in params.arms:
        try:
            build_method(ArmConfig(**params.arm_settings(name)))
        except (TypeError, ValueError) as error:
            sys.exit(f"params.yaml: arm {name}: {error}")
    OUT.parent.mkdir(parents=True, exist_ok=True)
    OUT.write_text("every arm of params.yaml has been built\n")


if __name__ == "__main__":
    main()
