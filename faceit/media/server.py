"""A small local web server for one folder, from which the demo and the tests download their videos."""

import re
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from http import HTTPStatus
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import BinaryIO

BLOCK = 64 * 1024  # bytes written at a time without throttling
CLIENT_LIMIT_S = 60.0  # for a client that neither asks nor takes anything


@contextmanager
def serve_folder(
    folder: Path | str,
    *,
    port: int = 0,
    bytes_per_second: float | None = None,
    log: list[tuple[str, str | None]] | None = None,
    status: Callable[[str], int | None] | None = None,
) -> Iterator[str]:
    """Serve the files of ``folder`` while the ``with`` block runs; the base URL is ``http://127.0.0.1:PORT``.

    ``port`` 0 lets the system choose. Byte ranges are supported (one per request), folders are not listed.
    ``bytes_per_second`` slows each answer down. Every GET and HEAD is appended to ``log`` as (path, Range header or
    None). ``status(path)`` may return an HTTP status to answer with instead of the file.

    Raises NotADirectoryError if there is no such folder, OSError if the port is taken.
    """
    folder = Path(folder).resolve()
    if not folder.is_dir():
        raise NotADirectoryError(f"{folder} is not a folder")
    server = _Server(("127.0.0.1", port), _Handler)
    server.folder, server.rate, server.log, server.status = folder, bytes_per_second, log, status
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.closing.set()  # answers still being sent are aborted
        server.shutdown()
        server.server_close()
        thread.join()


class _Server(ThreadingHTTPServer):
    """What the handlers share."""

    daemon_threads = True
    folder: Path
    rate: float | None
    log: list | None
    status: Callable[[str], int | None] | None

    def __init__(self, *args):
        super().__init__(*args)
        self.closing = threading.Event()

    def handle_error(self, request, client_address):
        """Ignore it: a client that disconnects is normal."""


class _Handler(SimpleHTTPRequestHandler):
    server: _Server
    timeout = CLIENT_LIMIT_S
    extensions_map = {
        **SimpleHTTPRequestHandler.extensions_map,
        ".html": "text/html; charset=utf-8",
        ".m3u8": "application/vnd.apple.mpegurl",
        ".m4a": "audio/mp4",
        ".mkv": "video/x-matroska",
        ".mp3": "audio/mpeg",
        ".mp4": "video/mp4",
        ".ts": "video/mp2t",
        ".webm": "video/webm",
    }

    def __init__(self, request, client_address, server):
        super().__init__(request, client_address, server, directory=str(server.folder))

    def log_message(self, *args):
        """Print nothing: a caller sees the requests in ``log``."""

    def do_GET(self):
        self._answer(with_body=True)

    def do_HEAD(self):
        self._answer(with_body=False)

    def _answer(self, with_body: bool) -> None:
        range_header = self.headers.get("Range")
        if self.server.log is not None:
            self.server.log.append((self.path, range_header))
        status = self.server.status(self.path) if self.server.status else None
        if status is not None:
            self.send_error(status)
            return
        path = Path(self.translate_path(self.path))
        if not path.is_file() or not path.resolve().is_relative_to(self.server.folder):  # a link leads out of it
            self.send_error(HTTPStatus.NOT_FOUND)
            return
        with suppress(ConnectionError), path.open("rb") as file:
            self._send_file(path, file, range_header, with_body)

    def _send_file(self, path: Path, file: BinaryIO, range_header: str | None, with_body: bool) -> None:
        size = path.stat().st_size
        span = _byte_range(range_header, size)
        if span is not None and span[0] > span[1]:
            self.send_response(HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE)
            self.send_header("Content-Range", f"bytes */{size}")
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        first, last = span or (0, size - 1)
        self.send_response(HTTPStatus.OK if span is None else HTTPStatus.PARTIAL_CONTENT)
        self.send_header("Content-Type", self.guess_type(str(path)))
        self.send_header("Content-Length", str(last - first + 1))
        self.send_header("Accept-Ranges", "bytes")
        if span is not None:
            self.send_header("Content-Range", f"bytes {first}-{last}/{size}")
        self.end_headers()
        if with_body:
            file.seek(first)
            self._send_bytes(file, last - first + 1)

    def _send_bytes(self, file: BinaryIO, count: int) -> None:
        rate = self.server.rate
        block = BLOCK if rate is None else max(1, min(BLOCK, int(rate / 20)))
        while count > 0 and not self.server.closing.is_set():
            data = file.read(min(block, count))
            if not data:
                return
            self.wfile.write(data)
            count -= len(data)
            if rate is not None:
                time.sleep(len(data) / rate)


def _byte_range(header: str | None, size: int) -> tuple[int, int] | None:
    """First and last byte requested by a Range header; first > last: not in the file; None: the whole file."""
    found = re.fullmatch(r"\s*bytes\s*=\s*([0-9]{0,18})\s*-\s*([0-9]{0,18})\s*", header or "")
    if not found or not any(found.groups()):
        return None
    first, last = found.groups()
    if not first:  # the last N bytes
        return max(0, size - int(last)), (size - 1 if int(last) else -1)
    if last and int(last) < int(first):  # RFC 9110: an invalid range is ignored
        return None
    return int(first), min(int(last), size - 1) if last else size - 1
