import importlib
import inspect
from typing import get_args

import pytest

from sentinel_fusion.data.sources.raster_source import RasterSource
from sentinel_fusion.sections.sources import Download, Source

NAMES = get_args(Source.model_fields["source"].annotation)


@pytest.mark.parametrize("name", NAMES)
def test_a_source_prepares_a_role_from_its_path(name: str) -> None:
    module = importlib.import_module(f"sentinel_fusion.data.sources.{name}")
    assert isinstance(module, RasterSource)
    wanted = inspect.signature(RasterSource.prepare).parameters
    given = inspect.signature(module.prepare).parameters
    for key in ("path", "raw", "role", "seed"):
        assert given[key].kind is wanted[key].kind


@pytest.mark.parametrize("name", NAMES)
def test_a_source_has_a_block_of_settings(name: str) -> None:
    assert name in Download.model_fields
