"""Simulated predictions whose true scores are known.

A tile of class c is predicted right when a standard normal number, of which all arms
and seeds share a part, is below z_c plus what the arm, its seed, the place, and seed
and place together add to it; else one of the other classes is predicted. Places have
different mixtures of classes.
"""

from dataclasses import dataclass

import numpy as np
from scipy import stats

from sentinel_fusion.metrics.single_label import count_scores

TILES = 16  # of a place
_DRAWS = 50_000


@dataclass(frozen=True)
class World:
    """What arms, seeds and places do to the predictions.

    Args:
        seed_sd: Of what a seed adds to a class.
        place_sd: Of what a place adds to a class, half of the variance for all arms.
        both_sd: Of what a seed adds in a place.
        shared: Part of a tile's number that all arms and seeds share.
        accuracies: Of each class, where nothing is added.
        shares: Of the classes.
        evenness: The higher, the more alike the mixtures of places.
    """

    seed_sd: float = 0.1
    place_sd: float = 0.2
    both_sd: float = 0.1
    shared: float = 0.6
    accuracies: tuple[float, ...] = (0.5, 0.6, 0.7, 0.8)
    shares: tuple[float, ...] = (0.35, 0.3, 0.2, 0.15)
    evenness: float = 4.0

    def truth(self, score: str, gain: float = 0) -> float:
        """Score expected over seeds, on endlessly many places."""
        rng = np.random.default_rng(0)
        offsets = gain + np.asarray(stats.norm.ppf(self.accuracies))
        skills = offsets + rng.normal(0, self.seed_sd, (_DRAWS, len(offsets)))
        spread = np.sqrt(1 + self.place_sd**2 + self.both_sd**2)
        right = np.asarray(stats.norm.cdf(skills / spread))[..., None]
        wrong = (1 - right) / (len(offsets) - 1)
        is_right = np.eye(len(offsets), dtype=bool)
        confusion = np.where(is_right, right, wrong) * np.array(self.shares)[:, None]
        return float(count_scores(confusion)[score].mean())

    def counts(
        self,
        studies: int,
        seeds: int,
        places: int,
        rng: np.random.Generator,
        gains: tuple[float, ...] = (0,),
    ) -> list[np.ndarray]:
        """Counts of an arm a gain, (studies, seeds, places, classes, classes) each."""
        mixtures = rng.dirichlet(
            self.evenness * np.array(self.shares), (studies, places)
        )
        bounds = mixtures.cumsum(axis=-1)[:, :, None, :-1]
        tiles = (studies, places, TILES)
        wanted = (rng.random((*tiles, 1)) > bounds).sum(axis=-1)
        luck = rng.normal(0, np.sqrt(self.shared), tiles)
        of_place = self._place_part(studies, places, rng)
        return [
            np.stack(
                [
                    self._seed_counts(wanted, luck, gain + of_place + own, rng)
                    for _ in range(seeds)
                ],
                axis=1,
            )
            for gain in gains
            for own in (self._place_part(studies, places, rng),)
        ]

    def _place_part(
        self, studies: int, places: int, rng: np.random.Generator
    ) -> np.ndarray:
        sd = self.place_sd / np.sqrt(2)
        return rng.normal(0, sd, (studies, places, len(self.shares)))

    def _seed_counts(
        self,
        wanted: np.ndarray,
        luck: np.ndarray,
        added: np.ndarray,
        rng: np.random.Generator,
    ) -> np.ndarray:
        studies, places, num = added.shape
        skill = stats.norm.ppf(self.accuracies) + added
        skill = skill + rng.normal(0, self.seed_sd, (studies, 1, num))
        skill = skill + rng.normal(0, self.both_sd, (studies, places, num))
        own = luck + rng.normal(0, np.sqrt(1 - self.shared), luck.shape)
        is_right = own < np.take_along_axis(skill, wanted, axis=-1)
        other = (wanted + rng.integers(1, num, wanted.shape)) % num
        predicted = np.where(is_right, wanted, other)
        place = np.arange(studies * places).reshape(studies, places, 1)
        codes = (place * num + wanted) * num + predicted
        counts = np.bincount(codes.ravel(), minlength=studies * places * num**2)
        return counts.reshape(studies, places, num, num)
