"""Local web servers that fail on request."""

import datetime
import ipaddress
import re
import socket
import ssl
import threading
import time
from dataclasses import dataclass, field
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import TracebackType

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

_BLOCK_BYTES = 1000
_DAY = datetime.timedelta(days=1)


@dataclass
class Seen:
    """A request as the server saw it."""

    method: str
    name: str
    headers: dict[str, str]


@dataclass
class FileServer:
    """Serves files by name; lists of faults are used up, one a GET.

    Args:
        files: Contents by file name.
        statuses: Answered instead of the file.
        drops: Bytes after which the connection breaks.
        stalls_s: Seconds of silence after the first block.
        block_pause_s: Seconds between two blocks.
        gate: Holds back every body until it is set.
        has_ranges: Whether Range is understood.
        range_bytes: Longest answer to a Range; 0 for no limit.
        has_length: Whether Content-Length is sent.
        announced: Content-Length instead of the true one.
        etag: ETag of every file.
        headers: More headers.
        redirect: Address that every request is sent on to, completed by the name.
        certificate: PEM file with key and certificate, for https.
        host: Name that addresses of this server use.
    """

    files: dict[str, bytes] = field(default_factory=dict, repr=False)
    statuses: list[int] = field(default_factory=list)
    drops: list[int] = field(default_factory=list)
    stalls_s: list[float] = field(default_factory=list)
    block_pause_s: float = 0.0
    gate: threading.Event | None = None
    has_ranges: bool = True
    range_bytes: int = 0
    has_length: bool = True
    announced: int | None = None
    etag: str = '"v1"'
    headers: dict[str, str] = field(default_factory=dict)
    redirect: str = ""
    certificate: Path | None = None
    host: str = "127.0.0.1"
    seen: list[Seen] = field(default_factory=list, repr=False)

    @property
    def url(self) -> str:
        scheme = "https" if self.certificate else "http"
        return f"{scheme}://{self.host}:{self._server.server_port}/"

    @property
    def gets(self) -> list[Seen]:
        return [request for request in self.seen if request.method == "GET"]

    def __enter__(self) -> "FileServer":
        site = self

        class Handler(_Handler):
            def __init__(self, *args: object) -> None:
                self.site = site
                super().__init__(*args)  # type: ignore[arg-type]

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        if self.certificate:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(self.certificate)
            self._server.socket = context.wrap_socket(
                self._server.socket, server_side=True
            )
        self._thread = threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.01}
        )
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self.gate is not None:
            self.gate.set()
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


class _Handler(BaseHTTPRequestHandler):
    site: FileServer

    def do_HEAD(self) -> None:
        self._answer()

    def do_GET(self) -> None:
        self._answer()

    def _answer(self) -> None:
        site, name = self.site, re.split("[/=]", self.path)[-1]
        site.seen.append(Seen(self.command, name, dict(self.headers)))
        is_get = self.command == "GET"
        if site.redirect:
            self._head(HTTPStatus.FOUND, {"Location": site.redirect + name})
        elif site.statuses and is_get:
            self._head(site.statuses.pop(0), {"Content-Length": "0"})
        elif name not in site.files:
            self._head(HTTPStatus.NOT_FOUND, {"Content-Length": "0"})
        else:
            body = self._start(site.files[name])
            if is_get:
                self._send(body)

    def _start(self, content: bytes) -> bytes:
        """Send the headers; the body that must follow."""
        site, status, extra = self.site, HTTPStatus.OK, dict(self.site.headers)
        asked = re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range", ""))
        condition = self.headers.get("If-Range", site.etag)
        body = content
        if asked and site.has_ranges and condition == site.etag:
            first = int(asked[1])
            if first >= len(content):
                extra["Content-Range"] = f"bytes */{len(content)}"
                status, body = HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE, b""
            else:
                last = first + (site.range_bytes or len(content))
                status, body = HTTPStatus.PARTIAL_CONTENT, content[first:last]
                until = first + len(body) - 1
                extra["Content-Range"] = f"bytes {first}-{until}/{len(content)}"
        if site.has_length:
            extra["Content-Length"] = str(site.announced or len(body))
        if site.etag:
            extra["ETag"] = site.etag
        self._head(status, extra)
        return body

    def _head(self, status: int, headers: dict[str, str]) -> None:
        self.send_response(status)
        for key, value in headers.items():
            self.send_header(key, value)
        self.end_headers()

    def _send(self, body: bytes) -> None:
        site = self.site
        if site.gate is not None:
            site.gate.wait()
        end = min(len(body), site.drops.pop(0) if site.drops else len(body))
        stall_s = site.stalls_s.pop(0) if site.stalls_s else 0.0
        try:
            for start in range(0, end, _BLOCK_BYTES):
                self.wfile.write(body[start : min(end, start + _BLOCK_BYTES)])
                self.wfile.flush()
                time.sleep(site.block_pause_s + stall_s)
                stall_s = 0.0
        except (ConnectionError, ssl.SSLError):
            return  # the client had enough
        if end < len(body):
            self.connection.shutdown(socket.SHUT_RDWR)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


def write_certificate(file: Path) -> Path:
    """Key and self-signed certificate of this machine, in one PEM file."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    now = datetime.datetime.now(datetime.UTC)
    names = [
        x509.DNSName("localhost"),
        x509.IPAddress(ipaddress.ip_address("127.0.0.1")),
    ]
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - _DAY)
        .not_valid_after(now + _DAY)
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    file.write_bytes(private + certificate.public_bytes(serialization.Encoding.PEM))
    return file
