import dataclasses

from tests.results import RUN

from sentinel_fusion.report.run import percent, spell


def test_one_source_is_named_once() -> None:
    assert RUN.stamp == "synthetic data, protocol B"


def test_two_sources_are_named_by_role() -> None:
    sources = {"pretrain": "sen12ms", "labelled": "dfc2020"}
    run = dataclasses.replace(RUN, sources=sources, split="protocol A")
    assert run.stamp == "pretrain: sen12ms, labelled: dfc2020, protocol A"


def test_names_are_spelt_without_underscores() -> None:
    assert spell("single_label") == "single label"


def test_shares_are_read_in_percent() -> None:
    assert [percent(share) for share in (0.005, 0.1, 1.0)] == ["0.5 %", "10 %", "100 %"]
