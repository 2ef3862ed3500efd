"""Kinds of values that the keys of params.yaml hold."""

from collections import Counter
from typing import Annotated, Any, Literal, TypeVar

from pydantic import AfterValidator, Field

Share = Annotated[float, Field(ge=0, le=1)]
OpenShare = Annotated[float, Field(gt=0, lt=1)]
LabelFrac = Annotated[float, Field(ge=0.0001, le=1)]
Count = Annotated[int, Field(ge=1, strict=True)]
Seed = Annotated[int, Field(ge=0, strict=True)]
Rate = Annotated[float, Field(gt=0)]
Name = Annotated[str, Field(pattern=r"^[a-z0-9_]+$")]
Sensor = Literal["s1", "s2"]
T = TypeVar("T")


def _all_different(values: tuple[T, ...]) -> tuple[T, ...]:
    twice = [value for value, count in Counter(values).items() if count > 1]
    if twice:
        raise ValueError(f"must not repeat {twice[0]!r}")
    return values


AnyNumber = Annotated[tuple[T, ...], AfterValidator(_all_different)]
Several = Annotated[tuple[T, ...], Field(min_length=1), AfterValidator(_all_different)]


def _option(value: Any) -> Any:  # noqa: ANN401 - any YAML value
    entries = value if isinstance(value, list) else [value]
    if not all(isinstance(entry, str | int | float) for entry in entries):
        raise ValueError("must be a string, a number or a list of them")
    return value


Options = dict[str, Annotated[Any, AfterValidator(_option)]]
"""Arguments of a module's ``build``, checked where it is built."""
