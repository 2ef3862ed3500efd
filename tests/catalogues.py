"""A static STAC catalogue of tiny COGs, and a web server for it that knows Range."""

import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy as np
import pystac
import pytest
import rasterio
import rasterio.warp
import shapely
from rasterio import Affine
from tests.builders import DEFAULT_ORIGIN, UTM

from sentinel_fusion.bands import S2_SPECTRUM

EXTENT_M = 1200
COLOURS = {
    "B01": "coastal",
    "B02": "blue",
    "B03": "green",
    "B04": "red",
    "B05": "rededge1",
    "B06": "rededge2",
    "B07": "rededge3",
    "B08": "nir",
    "B8A": "nir08",
    "B09": "nir09",
    "B11": "swir16",
    "B12": "swir22",
}
"""The bands of level 2A as Earth Search names them."""
S2_ITEMS = {"S2A_32TNT_20210605_0_L2A": 0, "S2B_32TNT_20210610_0_L2A": 1000}
"""Optical item -> offset of its pixels; the first is clear, the second cloudy."""
S1_ITEMS = ("S1A_20210604_rtc", "S1B_20210609_rtc")
RADAR_ORIGIN = (DEFAULT_ORIGIN[0] - 100, DEFAULT_ORIGIN[1] + 100)
BOX_M = (500_203.0, 5_299_483.0, 500_517.0, 5_299_797.0)
"""Meets columns and rows 20 to 51 of the 10 m bands."""


def degrees(box_m: tuple[float, ...]) -> tuple[float, float, float, float]:
    """Bounds in the CRS of ``UTM`` as longitude and latitude."""
    west, south, east, north = rasterio.warp.transform_bounds(UTM, "EPSG:4326", *box_m)
    return west, south, east, north


def s2_source(band: str, offset: int) -> np.ndarray:
    """300 + 100 * band + row + col + offset, in the band's own pixels."""
    number, pixel_m = next(
        (i, b.pixel_m) for i, b in enumerate(S2_SPECTRUM) if b.name == band
    )
    row, col = np.ogrid[: EXTENT_M // pixel_m, : EXTENT_M // pixel_m]
    return (300 + 100 * number + row + col + offset).astype(np.uint16)


def s1_source(polarisation: str, level: float) -> np.ndarray:
    """Power on 160 x 160 px: level + row / 10^4, a fifth of it for VH."""
    row, _ = np.ogrid[:160, :160]
    share = {"vv": 1.0, "vh": 0.2}[polarisation]
    return np.broadcast_to(share * (level + row / 1e4), (160, 160)).astype(np.float32)


def write_cog(
    file: Path, pixels: np.ndarray, pixel_m: float, origin: tuple[float, float]
) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    height, width = pixels.shape
    with rasterio.open(
        file,
        "w",
        driver="COG",
        count=1,
        height=height,
        width=width,
        dtype=pixels.dtype,
        crs=UTM,
        transform=Affine(pixel_m, 0, origin[0], 0, -pixel_m, origin[1]),
        blocksize=128,
    ) as raster:
        raster.write(pixels, 1)


def _item(item_id: str, taken: str, bounds_m: tuple[float, ...]) -> pystac.Item:
    box = degrees(bounds_m)
    return pystac.Item(
        id=item_id,
        geometry=shapely.geometry.mapping(shapely.box(*box)),
        bbox=list(box),
        datetime=datetime.fromisoformat(taken),
        properties={},
    )


def _optical_items(folder: Path) -> Iterator[pystac.Item]:
    west, north = DEFAULT_ORIGIN
    bounds = (west, north - EXTENT_M, west + EXTENT_M, north)
    for (item_id, offset), day, cloud, baseline in zip(
        S2_ITEMS.items(), ("05", "10"), (5.0, 60.0), ("03.01", "05.10"), strict=True
    ):
        item = _item(item_id, f"2021-06-{day}T10:00:00+00:00", bounds)
        item.properties["eo:cloud_cover"] = cloud
        item.properties["s2:processing_baseline"] = baseline
        for band in S2_SPECTRUM:
            if band.name in COLOURS:
                file = folder / "sentinel-2" / item_id / f"{band.name}.tif"
                pixels = s2_source(band.name, offset)
                write_cog(file, pixels, band.pixel_m, DEFAULT_ORIGIN)
                # the first as Earth Search names them, the second as others do
                key = band.name if offset else COLOURS[band.name]
                item.add_asset(key, pystac.Asset(str(file), roles=["data"]))
        yield item


def _radar_items(folder: Path) -> Iterator[pystac.Item]:
    west, north = RADAR_ORIGIN
    bounds = (west, north - 1600, west + 1600, north)
    for item_id, day, level in zip(S1_ITEMS, ("04", "09"), (0.1, 0.3), strict=True):
        item = _item(item_id, f"2021-06-{day}T17:00:00+00:00", bounds)
        for key in ("vv", "vh"):
            file = folder / "sentinel-1" / item_id / f"{key}.tif"
            write_cog(file, s1_source(key, level), 10, RADAR_ORIGIN)
            item.add_asset(key, pystac.Asset(str(file), roles=["data"]))
        yield item


def write_catalogue(folder: Path) -> None:
    """Two optical and two radar items below ``catalog.json``, a level down."""
    extent = pystac.Extent(
        pystac.SpatialExtent([-180, -90, 180, 90]),
        pystac.TemporalExtent([[datetime(2021, 1, 1), None]]),
    )
    root = pystac.Catalog("root", "test data")
    between = pystac.Catalog("europe", "test data")
    root.add_child(between)
    for name, items in (
        ("sentinel-2", _optical_items(folder)),
        ("sentinel-1", _radar_items(folder)),
    ):
        collection = pystac.Collection(name, "test data", extent)
        between.add_child(collection)
        collection.add_items(list(items))
    root.normalize_hrefs(str(folder))
    root.make_all_asset_hrefs_relative()
    root.save(pystac.CatalogType.SELF_CONTAINED)


@dataclass
class Site:
    """A folder on the web.

    Args:
        folder: What is served.
        url: Its address.
        seen: Paths asked for.
        searches: Bodies of the searches.
        statuses: Answered to paths with that ending.
        signature: Query that rasters are given for only.
    """

    folder: Path
    url: str = ""
    seen: list[str] = field(default_factory=list)
    searches: list[dict[str, Any]] = field(default_factory=list)
    statuses: dict[str, int] = field(default_factory=dict)
    signature: str = ""


@contextmanager
def serving(folder: Path) -> Iterator[Site]:
    """Serve a folder on this machine, past any proxy."""
    site = Site(folder)

    class Handler(_Handler):
        def __init__(self, *args: object) -> None:
            self.site = site
            super().__init__(*args)  # type: ignore[arg-type]

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    site.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("NO_PROXY", "127.0.0.1")
            patch.setenv("no_proxy", "127.0.0.1")
            yield site
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


class _Handler(BaseHTTPRequestHandler):
    site: Site

    def do_HEAD(self) -> None:
        self._answer()

    def do_GET(self) -> None:
        self._answer()

    def do_POST(self) -> None:
        """A search that returns every item of its collection."""
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.site.searches.append(asked)
        features = []
        for file in sorted(self.site.folder.rglob("*_*/*.json")):
            item = json.loads(file.read_text())
            if item["collection"] in asked["collections"]:
                for asset in item["assets"].values():
                    path = (file.parent / asset["href"]).resolve()
                    relative = path.relative_to(self.site.folder.resolve())
                    asset["href"] = f"{self.site.url}/{relative}"
                features.append(item | {"links": []})
        answer = {"type": "FeatureCollection", "features": features, "links": []}
        self._send(HTTPStatus.OK, json.dumps(answer).encode(), {})

    def _answer(self) -> None:
        self.site.seen.append(self.path)
        for ending, status in self.site.statuses.items():
            if self.path.endswith(ending):
                self._send(status, b"", {})
                return
        path, _, query = self.path.partition("?")
        if path.endswith(".tif") and query != self.site.signature:
            self._send(HTTPStatus.FORBIDDEN, b"", {})
            return
        file = self.site.folder / path.lstrip("/")
        if not file.is_file():
            self._send(HTTPStatus.NOT_FOUND, b"", {})
            return
        body, status, headers = file.read_bytes(), HTTPStatus.OK, {}
        asked = re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("Range", ""))
        if asked:
            first, last = int(asked[1]), int(asked[2] or len(body) - 1)
            part = body[first : last + 1]
            until = first + len(part) - 1
            headers["Content-Range"] = f"bytes {first}-{until}/{len(body)}"
            body, status = part, HTTPStatus.PARTIAL_CONTENT
        self._send(status, body, headers)

    def _send(self, status: int, body: bytes, headers: dict[str, str]) -> None:
        self.send_response(status)
        headers |= {"Content-Length": str(len(body)), "Accept-Ranges": "bytes"}
        for key, value in headers.items():
            self.send_header(key, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


def write_landing_page(folder: Path, url: str) -> None:
    """``api.json``: the entry of a STAC API with a search, beside the catalogue."""
    page = {
        "type": "Catalog",
        "id": "api",
        "stac_version": "1.0.0",
        "description": "test data",
        "conformsTo": ["https://api.stacspec.org/v1.0.0/core"],
        "links": [
            {
                "rel": "search",
                "href": f"{url}/search",
                "type": "application/geo+json",
                "method": "POST",
            },
        ],
    }
    (folder / "api.json").write_text(json.dumps(page))
