import pytest
from tests.train.rank_cases import CPU

from sentinel_fusion.data.part import WHOLE
from sentinel_fusion.train.one_rank import OneRank
from sentinel_fusion.train.ranks import RANKS, join_ranks


def test_without_a_launcher_there_is_one_rank(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(RANKS, raising=False)
    ranks = join_ranks(CPU)
    assert (type(ranks), ranks.part, ranks.device) == (OneRank, WHOLE, CPU)


def test_tasks_of_a_slurm_job_that_srun_did_not_start_do_not_count(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("SLURM_NTASKS", "8")
    assert type(join_ranks(CPU)) is OneRank


@pytest.mark.parametrize("wanted", ["0", "two", "-1", ""])
def test_a_number_of_ranks_that_is_none_is_refused(
    wanted: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(RANKS, wanted)
    with pytest.raises(
        ValueError, match=f"must be a whole number >= 1, got '{wanted}'"
    ):
        join_ranks(CPU)
