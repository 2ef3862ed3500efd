"""What a run is about, as its report states it: arms, tasks, data, the claim."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Claim:
    """What is claimed of every pre-trained arm.

    Args:
        label_frac: Share of the labels with which it should be as good ...
        reference_frac: ... as the best supervised arm is with this share.
        confidence: That of all intervals.
    """

    label_frac: float
    reference_frac: float
    confidence: float

    @property
    def reference_labels(self) -> str:
        """What the best supervised arm has, such as "all labels"."""
        if self.reference_frac == 1:
            return "all labels"
        return f"{percent(self.reference_frac)} of the labels"


@dataclass(frozen=True)
class Run:
    """The choices of a run that its report states.

    Args:
        arms: All arms and ensembles, in the order that fixes their looks.
        pretrained: Those among them with pre-training in them.
        headlines: Task -> name and title of its headline metric.
        sources: Role ("pretrain", "labelled") -> data source.
        split: How labelled tiles are split, such as "protocol B".
        label_fracs: Label fractions of the grid, ascending.
        num_seeds: Seeds behind every score.
        claim: The claim.
        cautions: What a reader must know before any figure, a sentence each.
    """

    arms: tuple[str, ...]
    pretrained: frozenset[str]
    headlines: Mapping[str, tuple[str, str]]
    sources: Mapping[str, str]
    split: str
    label_fracs: tuple[float, ...]
    num_seeds: int
    claim: Claim
    cautions: tuple[str, ...] = ()

    @property
    def tasks(self) -> tuple[str, ...]:
        """The tasks, in their order."""
        return tuple(self.headlines)

    @property
    def stamp(self) -> str:
        """Data and protocol, as they stand on every figure."""
        sources = dict.fromkeys(self.sources.values())
        if len(sources) == 1:
            return f"{next(iter(sources))} data, {self.split}"
        parts = ", ".join(f"{role}: {name}" for role, name in self.sources.items())
        return f"{parts}, {self.split}"

    @property
    def intervals(self) -> str:
        """What intervals are called."""
        return f"{percent(self.claim.confidence)} intervals"


def spell(name: str) -> str:
    """A task's or figure's name as words.

    Args:
        name: Such as "single_label".

    Returns:
        Such as "single label".
    """
    return name.replace("_", " ")


def percent(share: float) -> str:
    """A share in percent without needless digits.

    Args:
        share: Share, 1 is all.

    Returns:
        Such as "10 %".
    """
    return f"{100 * share:g} %"
