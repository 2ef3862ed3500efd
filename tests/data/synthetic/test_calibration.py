"""The default labelled set against DFC2020's published band statistics."""

from pathlib import Path

import pytest
import yaml
from tests.data.synthetic.dfc2020_statistics import (
    CALIBRATED_BANDS,
    S1_MEAN_DB,
    S1_SD_DB,
    S2_MEAN,
    S2_SD,
)

from sentinel_fusion.bands import S1_BANDS, S2_BANDS, encode_s1
from sentinel_fusion.data.rasters import read_strips
from sentinel_fusion.data.sources import synthetic
from sentinel_fusion.data.stats import BandHistograms

ROOT = Path(__file__).parents[3]
Summary = dict[str, dict[str, float]]
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def summary(tmp_path_factory: pytest.TempPathFactory) -> Summary:
    params = yaml.safe_load((ROOT / "params.yaml").read_text())
    patches = synthetic.prepare(
        Path(),
        tmp_path_factory.mktemp("default"),
        role="labelled",
        seed=params["seed"],
        **params["download"]["synthetic"],
    )
    s1, s2 = BandHistograms("s1"), BandHistograms("s2")
    size_px = params["download"]["synthetic"]["patch_px"]
    for patch in patches:
        for strip in read_strips(patch, size_px=size_px, stride_px=size_px)[1]:
            s1.add(encode_s1(strip.s1)[None])
            s2.add(strip.s2[None])
    return s1.summary() | s2.summary()


@pytest.mark.parametrize(
    ("band", "mean"),
    [(b, m) for b, m in zip(S2_BANDS, S2_MEAN, strict=True) if b in CALIBRATED_BANDS],
)
def test_s2_means_lie_within_a_quarter(
    summary: Summary, band: str, mean: float
) -> None:
    assert summary[band]["mean"] == pytest.approx(mean, rel=0.25)


@pytest.mark.parametrize(
    ("band", "sd"),
    [(b, s) for b, s in zip(S2_BANDS, S2_SD, strict=True) if b in CALIBRATED_BANDS],
)
def test_s2_deviations_lie_within_two_fifths(
    summary: Summary, band: str, sd: float
) -> None:
    assert summary[band]["sd"] == pytest.approx(sd, rel=0.40)


def test_b10_is_nearly_empty(summary: Summary) -> None:
    # One real place of the realism reference has a mean of 59.
    assert summary["B10"]["p99"] < 80


@pytest.mark.parametrize(
    ("band", "mean", "sd"),
    list(zip(S1_BANDS, S1_MEAN_DB, S1_SD_DB, strict=True)),
)
def test_s1_statistics_lie_within_two_decibels(
    summary: Summary, band: str, mean: float, sd: float
) -> None:
    assert summary[band]["mean"] == pytest.approx(mean, abs=2)
    assert summary[band]["sd"] == pytest.approx(sd, abs=2)
