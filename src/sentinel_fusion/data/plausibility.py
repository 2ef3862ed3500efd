"""Tell wrong units from unusual places by the percentiles of each band.

A place can be dark, bright or all water, but none has 99 % of its radar pixels above
0 dB, and none reflects in the cirrus band what the offset of baseline N0400 adds. Every
limit lies between what a wrong unit gives and what water, desert, snow, cloud or dense
city reach.

Source: Sentinel-2 products of processing baseline N0400 and later add 1000 to every
value (ESA, Sentinel-2 products specification document, RADIO_ADD_OFFSET); B10 lies in a
band of water vapour absorption, so that only cirrus and high, dry ground show in it.
"""

from collections.abc import Mapping
from itertools import pairwise

from sentinel_fusion.bands import S1_BANDS
from sentinel_fusion.data.published_stats import published_range
from sentinel_fusion.data.stats import PERCENTILES

Summary = Mapping[str, float]

LINEAR_P1_DB = -0.5
"""1st percentile above which radar was never in dB: power and amplitude are >= 0."""
BRIGHTEST_P1_DB = {"VV": -4.0, "VH": -6.0}
"""Speckle alone puts the 1st percentile of the densest city well below these."""
BRIGHTEST_VH_P95_DB = 0.0
"""Dense city has a median VH near -10 dB."""
DARKEST_MEDIAN_DB = -50.0
"""Far below the noise of the sensor, about -25 dB in VV and -35 dB in VH."""
EIGHT_BITS = 255
"""Scattering in clear air alone makes B01 brighter than this over the darkest sea."""
BRIGHTEST_MEDIAN = 20000
"""Twice a white sheet; snow and cloud come to about 12000."""
OFFSET_FLOOR = 900
"""With the offset left in, even the darkest pixels of every band are near 1000."""
OFFSET_B10 = (950, 1300)
"""Where the offset puts the darker quarter of B10: 1000 and what high ground adds."""
OFFSET_CLEAR_B10 = (980, 1060)
"""Where it puts clear pixels at most heights; cloud spreads far wider."""


class ImplausibleUnitsError(ValueError):
    """Tiles that cannot be dB and reflectance x 10000; the message says why."""


def check_units(bands: Mapping[str, Mapping[str, Summary]]) -> list[str]:
    """Faults of unit, scale or offset that the statistics of a tile store show.

    Args:
        bands: Sensor -> band -> summary, the ``bands`` entry of a store's stats.json.

    Returns:
        A line a fault: band, what is expected and from where, what was found, likely
        cause, remedy; empty where nothing contradicts the units.
    """
    checks = {"s1": _check_s1, "s2": _check_s2}
    return [line for sensor, check in checks.items() for line in check(bands[sensor])]


def refuse_wrong_units(
    bands: Mapping[str, Mapping[str, Summary]], store: object
) -> None:
    """Stop where ``check_units`` finds a fault.

    Args:
        bands: As for ``check_units``.
        store: Path of the tile store, for the message.

    Raises:
        ImplausibleUnitsError: If a fault was found.
    """
    faults = check_units(bands)
    if faults:
        raise ImplausibleUnitsError(
            f"{store} holds pixels of a wrong unit:\n- " + "\n- ".join(faults)
        )


def _check_s1(bands: Mapping[str, Summary]) -> list[str]:
    faults = [line for name in S1_BANDS for line in _check_backscatter(name, bands)]
    if not faults and bands["VH"]["mean"] > bands["VV"]["mean"]:
        faults.append(
            _fault(
                "VH",
                "must be darker than VV on average",
                f"mean {bands['VH']['mean']:g} against {bands['VV']['mean']:g}",
                "the radar raster holds VH before VV: swap its bands",
            )
        )
    return faults


def _check_backscatter(name: str, bands: Mapping[str, Summary]) -> list[str]:
    found = bands[name]
    if found["p1"] > LINEAR_P1_DB:
        cause = (
            "the rasters hold linear power, amplitude or rescaled numbers: say so with "
            "download.folder.s1_scale or convert them to dB, 10 log10(power)"
        )
        rule = f"must have a 1st percentile below {LINEAR_P1_DB:g} dB"
    elif found["p1"] > BRIGHTEST_P1_DB[name]:
        cause = (
            "the rasters hold log10(power) without the factor 10, or rescaled numbers: "
            "convert them to dB, 10 log10(power)"
        )
        rule = f"must have a 1st percentile below {BRIGHTEST_P1_DB[name]:g} dB"
    elif name == "VH" and found["p95"] >= BRIGHTEST_VH_P95_DB:
        cause = (
            "a part of the rasters holds linear power, or a fill value of 0 that no "
            "nodata value declares: convert those rasters to dB or declare the fill"
        )
        rule = f"must have a 95th percentile below {BRIGHTEST_VH_P95_DB:g} dB"
    elif found["p50"] < DARKEST_MEDIAN_DB:
        cause = (
            "the rasters hold dB times a factor, such as hundredths of a dB: say so "
            "with download.folder.s1_scale or divide them by it"
        )
        rule = f"must have a median above {DARKEST_MEDIAN_DB:g} dB"
    else:
        return []
    return [_fault(name, rule, _spread(found), cause)]


def _check_s2(bands: Mapping[str, Summary]) -> list[str]:
    brightest = max(bands, key=lambda name: bands[name]["p99"])
    p99 = bands[brightest]["p99"]
    if p99 <= EIGHT_BITS:
        given = "0..1 as whole numbers" if p99 <= 2 else "scaled to 8 bits or percent"
        return [
            _fault(
                brightest,
                f"is the brightest band, its 99th percentile must exceed {EIGHT_BITS}",
                _spread(bands[brightest]),
                f"the rasters hold reflectance {given}: multiply them back to "
                "reflectance x 10000",
            )
        ]
    median = max(bands, key=lambda name: bands[name]["p50"])
    if bands[median]["p50"] > BRIGHTEST_MEDIAN:
        return [
            _fault(
                median,
                f"must have a median of at most {BRIGHTEST_MEDIAN}",
                _spread(bands[median]),
                "the rasters hold reflectance by another factor, or stretched to 16 "
                "bits: convert them to reflectance x 10000",
            )
        ]
    return _check_offset(bands)


def _check_offset(bands: Mapping[str, Summary]) -> list[str]:
    cirrus = bands["B10"]
    rule = "sees no ground through water vapour and must be near 0"
    if _all_within(OFFSET_B10, cirrus["p5"], cirrus["p25"]) and all(
        band["p5"] >= OFFSET_FLOOR for band in bands.values()
    ):
        cause = (
            "the offset of +1000 of processing baseline N0400 and later was left in: "
            "set download.folder.s2_offset or subtract 1000 from every band"
        )
    elif cirrus["p1"] < OFFSET_FLOOR and any(
        _all_within(OFFSET_CLEAR_B10, lower, higher)
        for lower, higher in pairwise(cirrus[f"p{number}"] for number in PERCENTILES)
    ):
        cause = (
            "the offset of +1000 of processing baseline N0400 and later was left in a "
            "part of the rasters: subtract 1000 from every band of those"
        )
    elif cirrus["p99"] <= 0 and bands["B09"]["p25"] <= 0:
        rule = "and at least a quarter of B09 must not be cut off at 0"
        cause = (
            "1000 was subtracted from rasters that have no offset: mend "
            "download.folder.s2_offset or take the rasters as they came"
        )
    else:
        return []
    return [_fault("B10", rule, _spread(cirrus), cause)]


def _all_within(limits: tuple[int, int], *values: float) -> bool:
    low, high = limits
    return all(low <= value <= high for value in values)


def _spread(found: Summary) -> str:
    return ", ".join(f"{name} {found[name]:g}" for name in ("p1", "p50", "p95", "p99"))


def _fault(name: str, rule: str, found: str, cause: str) -> str:
    unit = "dB" if name in S1_BANDS else "reflectance x 10000"
    published = f"published mean and sd: {published_range(name)}; {unit}"
    return f"{name} {rule} ({published}), got {found}: {cause}"
