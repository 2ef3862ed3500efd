"""The k-NN probe: do tiles of a class lie together, before anything is trained?"""

import numpy as np
from jaxtyping import Float, Integer
from sklearn.neighbors import KNeighborsClassifier


def knn_accuracy(
    known: Float[np.ndarray, "known features"],
    classes: Integer[np.ndarray, " known"],
    asked: Float[np.ndarray, "asked features"],
    wanted: Integer[np.ndarray, " asked"],
    *,
    neighbours: int,
) -> float:
    """Share of tiles to which most of their nearest labelled tiles give their class.

    Args:
        known: Features of labelled tiles.
        classes: Their classes.
        asked: Features of other tiles.
        wanted: Their classes.
        neighbours: How many of the most similar labelled tiles vote, by cosine
            similarity; cut to the number of labelled tiles where there are fewer.

    Returns:
        Overall accuracy, 0..1.

    Source: Wu et al. 2018, arXiv 1805.01978, section 3.4, with equal votes.
    """
    count = min(neighbours, len(known))
    probe = KNeighborsClassifier(count, metric="cosine").fit(known, classes)
    return float(probe.score(asked, wanted))
