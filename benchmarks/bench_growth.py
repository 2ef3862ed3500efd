"""Seconds a tile and peak memory, of a pre-training epoch and of scoring, by size.

Generated stores of small tiles. The larger store is above the size that is kept in
memory, so that its tiles are read from the mapped shards. ``--full`` goes to 50,000
tiles, in some minutes.
"""

import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from measure import Row, in_fresh_process, row
from stores import random_tiles, write_store

TILE_PX = 32
SMALL, LARGE, FULL = 1_000, 10_000, 50_000
MOST = 1.1
_PRETRAIN = """
import json, sys, time
from pathlib import Path
import numpy as np, torch
from measure import anonymous_mib, peak_mib
from sentinel_fusion.data.augment import build_augment
"""
