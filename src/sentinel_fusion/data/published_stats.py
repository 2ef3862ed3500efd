"""Band statistics others report for Sentinel data sets, in the units tiles are kept in.

S1 in dB, S2 as top-of-atmosphere reflectance x 10000 (L1C) before processing baseline
N0400, so without its +1000 offset.
"""

from dataclasses import dataclass

from sentinel_fusion.bands import S1_BANDS, S2_BANDS


@dataclass(frozen=True)
class PublishedStats:
    """Mean and standard deviation of every band of one data set.

    Args:
        name: Name in figures and messages.
        source: Where the numbers stand.
        mean: One value a band, S1 then S2 in storage order.
        sd: As ``mean``.
    """

    name: str
    source: str
    mean: tuple[float, ...]
    sd: tuple[float, ...]

    def of(self, band: str) -> tuple[float, float]:
        """Mean and standard deviation of one band.

        Args:
            band: Name such as "VV" or "B04".

        Returns:
            The mean, then the standard deviation.
        """
        position = (*S1_BANDS, *S2_BANDS).index(band)
        return self.mean[position], self.sd[position]


# fmt: off
PUBLISHED = (
    PublishedStats(
        name="DFC2020",
        source="S1: its 986 patches, doi 10.21227/rha7-m332; S2: GFM-Bench/DFC2020 on "
        "Hugging Face, without clouds",
        mean=(
            -13.95, -21.54,
            1370.2, 1184.4, 1120.8, 1136.3, 1263.7, 1645.4, 1846.9, 1762.6, 1972.6,
            582.7, 14.8, 1732.2, 1247.9,
        ),
        sd=(
            4.33, 6.00,
            633.2, 650.3, 712.1, 965.2, 949.0, 1108.1, 1258.4, 1233.1, 1364.4,
            472.4, 14.3, 1310.4, 1087.6,
        ),
    ),
    # The same repository's EuroSAT loader has another S2 list under the words "SSL4EO
    # stats" (B01 1353.7 and so on); its means are EuroSAT's, so it is not used here.
    PublishedStats(
        name="SSL4EO-S12",
        source="50,000 patches, some cloudy; arXiv 2211.07044, github.com/zhu-xlab/"
        "SSL4EO-S12/blob/1dc0c83/src/benchmark/pretrain_ssl/datasets/SSL4EO/"
        "ssl4eo_dataset.py",
        mean=(
            -12.55, -20.19,
            1605.6, 1390.8, 1314.9, 1363.5, 1549.4, 2091.7, 2371.7, 2299.9, 2560.3,
            830.1, 22.1, 2177.1, 1524.1,
        ),
        sd=(
            5.26, 5.91,
            786.8, 850.3, 875.1, 1138.8, 1122.2, 1161.6, 1274.4, 1248.4, 1345.5,
            577.3, 51.2, 1336.1, 1136.5,
        ),
    ),
)
# fmt: on
"""Data sets with the bands, units and levels of ours."""


def published_range(band: str) -> str:
    """What others found in a band, in words for a message.

    Args:
        band: Name such as "VV" or "B04".

    Returns:
        Mean and standard deviation of every data set, with its name.
    """
    found = ((stats.name, *stats.of(band)) for stats in PUBLISHED)
    return ", ".join(f"{name} {mean:g} +- {sd:g}" for name, mean, sd in found)
