import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from tests.metrics.simulated import World

from sentinel_fusion.metrics.bootstrap import Sample, place_weights, resample
from sentinel_fusion.metrics.intervals import Interval, interval, more_cautious
from sentinel_fusion.metrics.single_label import count_scores

SEEDS, PLACES = 3, 12


def _share(counts: np.ndarray) -> dict[str, np.ndarray]:
    """A score that is a plain mean over places of equal size."""
    return {"share": np.asarray(counts[..., 0, 0] / counts.sum(axis=(-2, -1)))}


def _plain(hits: np.ndarray, draws: int = 400) -> Sample:
    """Shares of ten tiles a place, (seeds, places)."""
    counts = np.stack([hits, 10 - hits], axis=-1)[..., None, :]
    return resample(counts, _share, place_weights(hits.shape[-1], draws, 0))["share"]


HITS = np.random.default_rng(0).integers(0, 11, (SEEDS, PLACES))
SAMPLE = _plain(HITS)


def test_the_value_is_the_mean_over_seeds() -> None:
    assert interval(SAMPLE, 0.95).value == pytest.approx(HITS.mean() / 10)


def test_of_one_place_nothing_can_be_said() -> None:
    found = interval(_plain(HITS[:, :1]), 0.95)
    assert found.value == pytest.approx(HITS[:, 0].mean() / 10)
    assert (found.low, found.high, found.p_value) == (-np.inf, np.inf, 1)


def _by_hand(sample: Sample, confidence: float) -> tuple[float, float]:
    """Half widths with other seeds and with these, one number after the other."""
    draws = sample.draws.tolist()
    seeds, num = len(draws), len(draws[0])
    places = sample.left_out.shape[1]
    pairs, total = [], 0.0
    for a in range(seeds):
        for b in range(seeds):
            mean_a, mean_b = sum(draws[a]) / num, sum(draws[b]) / num
            products = [
                (draws[a][d] - mean_a) * (draws[b][d] - mean_b) for d in range(num)
            ]
            covariance = sum(products) / num * places / (places - 1)
            total += covariance / seeds**2
            if a != b:
                pairs.append(covariance)
    between = max(0.0, sum(pairs) / len(pairs))
    of_seeds = np.var(sample.values, ddof=1) / seeds
    influence = sample.left_out.mean(axis=0)
    excess = max(0.0, float(stats.kurtosis(influence)))
    df_places = 2 / (2 / (places - 1) + excess / places)
    df = (of_seeds + between) ** 2 / (
        of_seeds**2 / (seeds - 1) + between**2 / df_places
    )
    tail = (1 + confidence) / 2
    return (
        stats.t.ppf(tail, df) * np.sqrt(of_seeds + between),
        stats.t.ppf(tail, df_places) * np.sqrt(total),
    )


@pytest.mark.parametrize("confidence", [0.5, 0.95])
@pytest.mark.parametrize("seed", range(4))
def test_the_width_agrees_with_a_slow_calculation(seed: int, confidence: float) -> None:
    hits = np.random.default_rng(seed).integers(0, 11, (SEEDS, PLACES))
    sample = _plain(hits, draws=60)
    found = interval(sample, confidence)
    half = max(_by_hand(sample, confidence))
    assert found.high - found.value == pytest.approx(half)
    assert found.value - found.low == pytest.approx(half)


def test_the_variance_of_a_plain_mean_is_that_of_crossed_random_effects() -> None:
    rng = np.random.default_rng(1)
    effect = rng.normal(0, 2, (1, PLACES)) + rng.normal(0, 1, (SEEDS, 1))
    hits = np.clip(5 + effect + rng.normal(0, 0.5, (SEEDS, PLACES)), 0, 10)
    sample = _plain(hits, draws=20_000)
    shares = hits / 10
    rest = shares - shares.mean(axis=0) - shares.mean(axis=1)[:, None] + shares.mean()
    of_seeds = PLACES * shares.mean(axis=1).var(ddof=1)
    of_places = SEEDS * shares.mean(axis=0).var(ddof=1)
    of_both = (rest**2).sum() / (SEEDS - 1) / (PLACES - 1)
    variance = (of_seeds + of_places - of_both) / SEEDS / PLACES
    covariance = np.cov(sample.draws) * PLACES / (PLACES - 1)
    ours = (
        sample.values.var(ddof=1) / SEEDS
        + covariance[~np.eye(SEEDS, dtype=bool)].mean()
    )
    assert ours == pytest.approx(variance, rel=0.03)


def test_one_seed_leaves_the_places_alone() -> None:
    found = interval(_plain(HITS[:1], draws=20_000), 0.95)
    error = (HITS[0] / 10).std(ddof=1) / np.sqrt(PLACES)
    assert found.high - found.value == pytest.approx(
        stats.t.ppf(0.975, PLACES - 1) * error, rel=0.03
    )


def test_seeds_that_agree_by_chance_do_not_narrow_the_interval() -> None:
    alike = np.tile(HITS[0], (SEEDS, 1))
    alike[1, [0, 1]] = alike[1, [1, 0]]
    alike[2, [2, 3]] = alike[2, [3, 2]]
    sample = _plain(alike)
    assert np.ptp(sample.values) == pytest.approx(0)
    others, these_seeds = _by_hand(sample, 0.95)
    assert others < these_seeds
    found = interval(sample, 0.95)
    assert found.high - found.value == pytest.approx(these_seeds)


def test_a_place_that_outweighs_the_others_widens_the_interval() -> None:
    even, uneven = (np.tile(row, (1, 1)) for row in ([4, 6] * 10, [5] * 19 + [0]))
    widths = []
    for hits in (even, uneven):
        sample = _plain(hits, draws=20_000)
        found = interval(sample, 0.95)
        widths.append((found.high - found.value) / sample.draws.std())
    assert widths[1] > 1.1 * widths[0]


def test_equal_scores_differ_by_nothing_for_sure() -> None:
    found = interval(SAMPLE - SAMPLE, 0.95)
    assert (found.value, found.low, found.high, found.p_value) == (0, 0, 0, 1)


def test_a_difference_that_never_varies_is_beyond_doubt() -> None:
    lower = Sample(SAMPLE.values - 0.5, SAMPLE.draws - 0.5, SAMPLE.left_out - 0.5)
    found = interval(SAMPLE - lower, 0.95)
    assert (found.low, found.high) == pytest.approx((0.5, 0.5))
    assert found.p_value == pytest.approx(0)


@given(st.integers(0, 200), st.floats(-0.3, 0.3), st.sampled_from([0.8, 0.95]))
@settings(deadline=None, max_examples=50)
def test_p_is_small_where_zero_is_outside(
    seed: int, offset: float, confidence: float
) -> None:
    hits = np.random.default_rng(seed).integers(0, 11, (SEEDS, PLACES))
    sample = _plain(hits, draws=50)
    middle = sample.values.mean() - offset
    moved = Sample(
        sample.values - middle, sample.draws - middle, sample.left_out - middle
    )
    found = interval(moved, confidence)
    is_outside = found.low > 0 or found.high < 0
    assert is_outside == (found.p_value < 1 - confidence)


def test_higher_confidence_is_wider() -> None:
    assert interval(SAMPLE, 0.99).high > interval(SAMPLE, 0.9).high


def test_a_batch_gives_what_its_members_give() -> None:
    counts = World().counts(3, SEEDS, PLACES, np.random.default_rng(0))[0]
    weights = place_weights(PLACES, 50, 0)
    batch = interval(resample(counts, count_scores, weights)["aa"], 0.95)
    for number, study in enumerate(counts):
        alone = interval(resample(study, count_scores, weights)["aa"], 0.95)
        assert alone.low == pytest.approx(np.asarray(batch.low)[number])


def test_the_more_cautious_is_the_hull_with_the_larger_p() -> None:
    both = more_cautious(Interval(0.2, 0.1, 0.3, 0.01), Interval(0.3, 0.2, 0.5, 0.02))
    assert (both.value, both.low, both.high, both.p_value) == (0.2, 0.1, 0.5, 0.02)


STUDIES = 500
WORLDS = {
    "mixed": World(),
    "seeds": World(seed_sd=0.2, place_sd=0.1, both_sd=0.05),
    "places": World(seed_sd=0.03, place_sd=0.3, both_sd=0.03, shared=0.8),
}
BAND = stats.binom.interval(0.99, STUDIES, 0.95)


def _num_covering(found: Interval, truth: float) -> int:
    is_in = (np.asarray(found.low) <= truth) & (truth <= np.asarray(found.high))
    return int(is_in.sum())


def _covering(world: World, seeds: int, places: int) -> dict[str, int]:
    """Studies whose 95 % interval holds the true value of a score."""
    counts = world.counts(STUDIES, seeds, places, np.random.default_rng(places))[0]
    samples = resample(counts, count_scores, place_weights(places, 150, 0))
    covering = {}
    for score, sample in samples.items():
        found, truth = interval(sample, 0.95), world.truth(score)
        covering[score] = _num_covering(found, truth)
    return covering


def _is_nominal(covering: dict[str, int]) -> dict[str, bool]:
    return {name: bool(BAND[0] <= n <= BAND[1]) for name, n in covering.items()}


def test_of_500_intervals_as_many_cover_as_should() -> None:
    assert all(_is_nominal(_covering(WORLDS["mixed"], 3, 20)).values())


@pytest.mark.slow
@pytest.mark.parametrize("places", [20, 60])
@pytest.mark.parametrize("seeds", [3, 5])
@pytest.mark.parametrize("world", WORLDS)
def test_intervals_cover_at_the_nominal_rate(
    world: str, seeds: int, places: int
) -> None:
    assert all(_is_nominal(_covering(WORLDS[world], seeds, places)).values())


@pytest.mark.slow
@pytest.mark.parametrize("places", [20, 60])
@pytest.mark.parametrize("seeds", [3, 5])
def test_intervals_of_paired_differences_cover_at_the_nominal_rate(
    seeds: int, places: int
) -> None:
    world, rng = World(), np.random.default_rng(seeds)
    weights = place_weights(places, 300, 0)
    first, second = (
        resample(counts, count_scores, weights)["aa"]
        for counts in world.counts(STUDIES, seeds, places, rng, gains=(0, 0.2))
    )
    found = interval(second - first, 0.95)
    truth = world.truth("aa", gain=0.2) - world.truth("aa")
    assert BAND[0] <= _num_covering(found, truth) <= BAND[1]


@pytest.mark.slow
def test_a_class_of_few_places_is_the_documented_limit() -> None:
    rare = World(shares=(0.46, 0.3, 0.2, 0.04), evenness=2)
    few, many = (_covering(rare, 5, places)["macro_f1"] for places in (20, 60))
    assert 0.85 <= few / STUDIES < 0.91 <= many / STUDIES
