import numpy as np

from sentinel_fusion.classes import CLASS_TO_DFC, IGBP_TO_DFC
from sentinel_fusion.data.synthetic.modis import coarse_land_cover


def test_codes_map_back_to_the_label() -> None:
    for code in CLASS_TO_DFC:
        layers = coarse_land_cover(np.full((50, 50), code, np.uint8))
        assert (IGBP_TO_DFC[layers[..., 0]] == code).all()


def test_block_takes_its_majority() -> None:
    label = np.full((100, 50), 10, np.uint8)
    label[:30] = 1
    igbp = coarse_land_cover(label)[..., 0]
    assert (IGBP_TO_DFC[igbp[:50]] == 1).all()
    assert (IGBP_TO_DFC[igbp[50:]] == 10).all()


def test_other_layers_are_empty() -> None:
    assert not coarse_land_cover(np.ones((60, 60), np.uint8))[..., 1:].any()
