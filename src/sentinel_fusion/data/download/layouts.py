"""Where the rasters of the public data sets go."""

import re
from pathlib import PurePosixPath

from sentinel_fusion.data.download.extract import Layout

_SEN12MS_FILE = re.compile(
    r"(?P<top>ROIs\d+_(?:spring|summer|fall|winter))"
    r"_(?P<kind>s1|s2|lc)_(?P<scene>\d+)_p\d+\.tif"
)
_DFC2020_FILE = re.compile(
    r"(?P<top>ROIs0000_(?P<group>validation|test))"
    r"_(?P<kind>s1|s2|lc|dfc)_(?P<scene>\d+)_p\d+\.tif"
)


def layout_of(dataset: str) -> Layout:
    """Where the rasters of a data set go, by their names alone.

    So wrapping folders do not matter, nor whether a copy calls DFC2020's validation
    folders ``s1_validation`` or ``s1_0``: here it is always the former.

    Args:
        dataset: "sen12ms" or "dfc2020".

    Returns:
        The layout.

    Raises:
        ValueError: If the data set has none.
    """
    layouts: dict[str, Layout] = {"sen12ms": _sen12ms, "dfc2020": _dfc2020}
    if dataset not in layouts:
        raise ValueError(
            f"data set must be one of {', '.join(layouts)} to be unpacked, "
            f"got {dataset}"
        )
    return layouts[dataset]


def _sen12ms(path: PurePosixPath) -> PurePosixPath | None:
    found = _SEN12MS_FILE.fullmatch(path.name)
    if found is None:
        return None
    return PurePosixPath(found["top"], f"{found['kind']}_{found['scene']}", path.name)


def _dfc2020(path: PurePosixPath) -> PurePosixPath | None:
    found = _DFC2020_FILE.fullmatch(path.name)
    if found is None:
        return None
    last = "validation" if found["group"] == "validation" else found["scene"]
    return PurePosixPath(found["top"], f"{found['kind']}_{last}", path.name)
