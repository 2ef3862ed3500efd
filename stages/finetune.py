"""Run the headline experiment that finetune.arm, task and label_frac name."""

import logging

from sentinel_fusion.params import load_params
from stages.grid import write_cell


def main() -> None:
    """Write ``runs/headline``."""
    section = load_params().finetune
    write_cell(section.arm, section.task, section.label_frac, "headline")


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    main()
