"""What every section of params.yaml refuses."""

from typing import Any

from pydantic import BaseModel, ConfigDict, field_validator


class Section(BaseModel):
    """Unknown keys, true/false and infinite numbers are refused; nothing changes."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    @field_validator("*", mode="before")
    @classmethod
    def _no_truth_values(cls, value: Any) -> Any:  # noqa: ANN401 - any YAML value
        if isinstance(value, bool):
            raise ValueError("must not be true or false")
        return value
