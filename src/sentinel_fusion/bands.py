"""Sensors, their bands in storage order, and the integer units tiles are kept in.

Source: Sentinel-2 L1C user handbook (band centres and pixel sizes); SEN12MS data set
page, doi 10.14459/2019mp1474000 (band order of the rasters).
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Integer, UInt16


@dataclass(frozen=True)
class Band:
    """One spectral band of Sentinel-2.

    Args:
        name: Name with two digits, as in the SAFE product.
        wavelength_nm: Centre wavelength.
        pixel_m: Native pixel size on the ground.
    """

    name: str
    wavelength_nm: int
    pixel_m: int


S2_SPECTRUM = (
    Band("B01", 443, 60),
    Band("B02", 492, 10),
    Band("B03", 560, 10),
    Band("B04", 665, 10),
    Band("B05", 704, 20),
    Band("B06", 741, 20),
    Band("B07", 783, 20),
    Band("B08", 833, 10),
    Band("B8A", 865, 20),
    Band("B09", 945, 60),
    Band("B10", 1374, 60),
    Band("B11", 1614, 20),
    Band("B12", 2202, 20),
)
S1_BANDS = ("VV", "VH")
S2_BANDS = tuple(band.name for band in S2_SPECTRUM)
BANDS = {"s1": S1_BANDS, "s2": S2_BANDS}
SENSORS = tuple(BANDS)

S1_NAN = -32768
"""Stored value of a radar pixel without measurement."""
S1_UNITS_PER_DB = 100
S2_NODATA = 0
"""Reflectance value that marks a pixel without measurement when all bands hold it."""
S1_LIMITS_DB = (-100.0, 60.0)
"""Backscatter outside of these limits is no measurement, for example a fill value."""


def band_indices(sensor: str, names: tuple[str, ...]) -> list[int]:
    """Positions of named bands in a sensor's storage order.

    Args:
        sensor: "s1" or "s2".
        names: Band names such as "VV" or "B04".

    Returns:
        One index a name, in the order of ``names``.

    Raises:
        ValueError: If the sensor or a band does not exist.
    """
    if sensor not in BANDS:
        raise ValueError(f"sensor must be one of {', '.join(SENSORS)}, got {sensor!r}")
    unknown = [name for name in names if name not in BANDS[sensor]]
    if unknown:
        raise ValueError(
            f"{sensor} bands must be among {', '.join(BANDS[sensor])}, "
            f"got {', '.join(unknown)}"
        )
    return [BANDS[sensor].index(name) for name in names]


def encode_s1(
    backscatter_db: Float[np.ndarray, "*shape"],
) -> Integer[np.ndarray, "*shape"]:
    """Backscatter as centi-dB integers; not-a-number becomes ``S1_NAN``.

    Args:
        backscatter_db: Sigma nought in dB, any shape.

    Returns:
        int16 of the same shape; the rounding error is at most 0.005 dB.
    """
    centi_db = np.asarray(backscatter_db, np.float64) * S1_UNITS_PER_DB
    missing = ~np.isfinite(centi_db)
    np.rint(centi_db, out=centi_db)
    np.clip(centi_db, S1_NAN + 1, 32767, out=centi_db)
    centi_db[missing] = S1_NAN
    return centi_db.astype(np.int16)


def encode_s2(
    reflectance: Integer[np.ndarray, "*shape"],
) -> UInt16[np.ndarray, "*shape"]:
    """Top-of-atmosphere reflectance x 10000 as uint16.

    Args:
        reflectance: Whole numbers of at least 0, any shape.

    Returns:
        uint16 of the same shape; values above 65535 are cut to it.

    Raises:
        ValueError: If a value is negative.
    """
    if reflectance.size and int(reflectance.min()) < 0:
        raise ValueError(
            f"S2 reflectance x 10000 must be >= 0, got {int(reflectance.min())}; "
            "give the raster a nodata value of 0"
        )
    return np.asarray(np.minimum(reflectance, 65535).astype(np.uint16))
