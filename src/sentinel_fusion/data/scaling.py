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
        mean, sd = (
            torch.tensor(part[sensor], dtype=torch.float64)
            for part in (normalisation.mean, normalisation.sd)
        )
        units = S1_UNITS_PER_DB if sensor == "s1" else 1
        self._gain = (1 / (units * sd)).to(device, torch.float32)
        self._offset = (-mean / sd).to(device, torch.float32)
        self._lines = (self._gain, self._offset)

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
            self._lines = (self._gain.repeat(cols), self._offset.repeat(cols))
        gain, offset = self._lines
        lines = values.view(*values.shape[:-2], cols * bands)
        # (value - mean) / sd in one pass over memory, which is what takes the time
        torch.addcmul(offset, lines, gain, out=lines)
        if missing is not None:
            values.masked_fill_(missing, 0.0)

    def _missing(self, values: Tensor) -> Tensor:
        if self._sensor == "s1":
            return values == S1_NAN
        return (values == S2_NODATA).all(dim=-1, keepdim=True)
