"""What the page is about: arms, tasks, data; and how it names them."""

from collections.abc import Mapping
from dataclasses import dataclass

USES = ("finetuned", "frozen")


@dataclass(frozen=True)
class Study:
    """The choices of a run that its report states.

    Args:
        arms: All arms and ensembles, in the order that fixes their looks.
        pretrained: Those among them with pre-training in them.
        headlines: Task -> name and title of its headline metric.
        sources: Role ("pretrain", "labelled") -> data source.
        protocol: Split protocol.
        label_fracs: Label fractions of the grid, ascending.
        num_seeds: Seeds behind every score.
        cautions: What a reader must know before any figure, a sentence each.
    """

    arms: tuple[str, ...]
    pretrained: frozenset[str]
    headlines: Mapping[str, tuple[str, str]]
    sources: Mapping[str, str]
    protocol: str
    label_fracs: tuple[float, ...]
    num_seeds: int
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
            return f"{next(iter(sources))} data, protocol {self.protocol}"
        parts = ", ".join(f"{role}: {name}" for role, name in self.sources.items())
        return f"{parts}, protocol {self.protocol}"


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
