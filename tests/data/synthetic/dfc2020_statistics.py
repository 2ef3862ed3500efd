"""DFC2020's published pixel statistics.

Source: S2 as GFM-Bench states it for DFC2020, S1 of DFC2020's 986 patches.
"""

from sentinel_fusion.bands import S2_BANDS

# fmt: off
S2_MEAN = (1370.2, 1184.4, 1120.8, 1136.3, 1263.7, 1645.4, 1846.9, 1762.6, 1972.6,
           582.7, 14.8, 1732.2, 1247.9)
S2_SD = (633.2, 650.3, 712.1, 965.2, 949.0, 1108.1, 1258.4, 1233.1, 1364.4,
         472.4, 14.3, 1310.4, 1087.6)
# fmt: on
S1_MEAN_DB, S1_SD_DB = (-13.95, -21.54), (4.33, 6.00)
CALIBRATED_BANDS = tuple(name for name in S2_BANDS if name != "B10")
"""B10 is too nearly empty for a relative tolerance."""
