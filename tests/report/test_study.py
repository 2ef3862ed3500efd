import dataclasses

from tests.results import STUDY

from sentinel_fusion.report.study import percent, spell


def test_one_source_is_named_once() -> None:
    assert STUDY.stamp == "synthetic data, protocol B"


def test_two_sources_are_named_by_role() -> None:
    sources = {"pretrain": "sen12ms", "labelled": "dfc2020"}
    study = dataclasses.replace(STUDY, sources=sources, protocol="A")
    assert study.stamp == "pretrain: sen12ms, labelled: dfc2020, protocol A"


def test_names_are_spelt_without_underscores() -> None:
    assert spell("single_label") == "single label"


def test_shares_are_read_in_percent() -> None:
    assert [percent(share) for share in (0.005, 0.1, 1.0)] == ["0.5 %", "10 %", "100 %"]
