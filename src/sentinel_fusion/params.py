"""params.yaml as a frozen model: unknown keys and values out of range are refused.

What a method or an encoder accepts is checked where it is built, by check_arms.
"""

from pathlib import Path

import yaml
from pydantic import ValidationError, model_validator

from sentinel_fusion.faults import explain
from sentinel_fusion.sections.all_sections import AllSections
from sentinel_fusion.sections.checks import check_sections


class ParamsError(ValueError):
    """params.yaml cannot be used; the message has a line a fault."""


class Params(AllSections):
    """The whole of params.yaml, its sections checked against each other."""

    @model_validator(mode="after")
    def _sections_fit(self) -> "Params":
        check_sections(self)
        return self


def load_params(
    file: Path = Path("params.yaml"), *, paths_must_exist: bool = False
) -> Params:
    """Read and check params.yaml.

    Args:
        file: YAML file.
        paths_must_exist: Whether a source's path that is not there is a fault; a node
            that only has the tiles can do without the rasters.

    Returns:
        The params.

    Raises:
        ParamsError: If a key or a value is wrong; one line a fault.
    """
    try:
        params = Params.model_validate(yaml.safe_load(file.read_text()))
    except yaml.YAMLError as error:
        raise ParamsError(f"{file} must be YAML: {error}; mend that line") from error
    except ValidationError as error:
        lines = [f"{file}: {explain(fault, Params)}" for fault in error.errors()]
        raise ParamsError("\n".join(lines)) from error
    for role, source in params.sources:
        if params.fetches(role):
            continue  # the download stage fills the folder
        if paths_must_exist and not source.path.exists():
            raise ParamsError(
                f"{file}: sources.{role}.path must exist, got {source.path}; give the "
                "folder of the rasters (for synthetic: the simulator's code)"
            )
    return params
