"""Faults of params.yaml in words: which key, which rule, what it was, what to do."""

from typing import Any

from pydantic import BaseModel
from pydantic_core import ErrorDetails


def explain(fault: ErrorDetails, model: type[BaseModel]) -> str:
    """One line for one fault: key, rule, value, remedy.

    Args:
        fault: Fault as pydantic reports it.
        model: Model that was validated.

    Returns:
        The line.
    """
    key = ".".join(str(part) for part in fault["loc"] if part != "[key]")
    if fault["type"] == "extra_forbidden":
        valid = ", ".join(_valid_keys(fault["loc"][:-1], model))
        return f"unknown key {key}; valid keys there: {valid}; mend or remove it"
    if fault["type"] == "missing":
        return f"{key} is missing; add it (presets/ shows every key)"
    rule = fault["msg"].removeprefix("Value error, ").removeprefix("Input ")
    rule = rule.replace("should", "must")
    value = fault["input"]
    if not key or isinstance(value, dict):
        return f"{key} {rule}".strip() + "; mend it there"
    return f"{key} {rule}, got {value!r}; set it with -S {key}=VALUE"


def _valid_keys(path: tuple[int | str, ...], model: type[BaseModel]) -> list[str]:
    node: Any = model
    for part in path:
        if isinstance(node, type) and issubclass(node, BaseModel):
            node = node.model_fields[str(part)].annotation
        else:  # a mapping of free names: its values share one model
            node = node.__args__[1]
    return list(node.model_fields)
