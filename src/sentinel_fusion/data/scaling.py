"""Stored integers of a sensor to normalised float32, in place."""

import torch
from jaxtyping import Float
from torch import Tensor

from sentinel_fusion.bands import S1_NAN, S1_UNITS_PER_DB, S2_NODATA
from sentinel_fusion.data.stats import Normalisation


class Scaler:
    """Zero mean and unit deviation over the pre-training tiles, for one sensor."""

    def __init__(
        self, sensor: str, normalisation: Normalisation, device: torch.device
    ) -> None:
        """Hold the constants on a device.

        Args:
            sensor: "s1" or "s2".
            normalisation: Means and deviations of its bands.
            device: Where the images are.
        """
        self._sensor = sensor
        self._mean = torch.tensor(normalisation.mean[sensor], device=device)
        self._sd = torch.tensor(normalisation.sd[sensor], device=device)
        self._lines = (self._mean, self._sd)

    def scale_(
        self, values: Float[Tensor, "*tiles rows cols bands"], *, is_complete: bool
    ) -> None:
        """Scale images in place.

        Args:
            values: Stored integers as float32; contiguous.
            is_complete: Whether every pixel was measured. Others get the band mean.
        """
        missing = None if is_complete else self._missing(values)
        cols, bands = values.shape[-2:]
        if len(self._lines[0]) != cols * bands:
            # a whole line of constants: with a band's alone the inner loop of a CPU
            # is as short as the bands are few, and ten times slower
            self._lines = (self._mean.repeat(cols), self._sd.repeat(cols))
        mean, sd = self._lines
        lines = values.view(*values.shape[:-2], cols * bands)
        if self._sensor == "s1":
            lines.div_(S1_UNITS_PER_DB)
        lines.sub_(mean).div_(sd)
        if missing is not None:
            values.masked_fill_(missing, 0.0)

    def _missing(self, values: Tensor) -> Tensor:
        if self._sensor == "s1":
            return values == S1_NAN
        return (values == S2_NODATA).all(dim=-1, keepdim=True)
