"""The web server: this computer by itself, a LAN only with a certificate.

In: an app, a host and a port. Out: pages, until it is told to stop.
"""

from __future__ import annotations

import errno
import gc
import socket
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from ipaddress import ip_address
from typing import TYPE_CHECKING, Any

from dash import Dash

if TYPE_CHECKING:
    from a2wsgi.wsgi_typing import WSGIApp

    from dashboard.serving.certificates import Pair
    from dashboard.serving.connections import WebServer

#: Requests answered at the same time; each page asks for little, and none waits here for a slow browser.
THREADS = 16


class ServerError(Exception):
    """The server cannot start; the message is for users."""


def is_loopback(host: str) -> bool:
    """Tell whether a host, with or without a port, is this computer and nothing else: 127.0.0.0/8, ::1, localhost."""
    name = host.strip()
    if name.startswith("["):
        name = name[1:].partition("]")[0]
    elif name.count(":") == 1:
        name = name.partition(":")[0]
    if name.lower() == "localhost":
        return True
    try:
        return ip_address(name).is_loopback
    except ValueError:
        return False


def check_host(host: str, *, tls: bool = False) -> None:
    """Refuse to serve any host but loopback without a certificate. ServerError."""
    if not tls and not is_loopback(host):
        raise ServerError(
            f"No se puede servir en «{host}»: un nombre de la red necesita un certificado, que prepara "
            "«callcenter init». Sin él, el sistema solo se abre en esta misma computadora (127.0.0.1, ::1 o localhost)."
        )


def serve(
    app: Dash,
    host: str = "127.0.0.1",
    port: int = 8050,
    certificate: Pair | None = None,
    *,
    names: Sequence[str] = (),
    listening: socket.socket | None = None,
    renew: Callable[[], Pair | None] | None = None,
    **more: Any,
) -> None:
    """Serve the app until interrupted and print its addresses; port 0 takes a free one. ServerError.

    With a certificate it speaks TLS under `names`. A socket that listens already may be given instead of opening one;
    `more` is what a WebServer is told.
    """
    check_host(host, tls=certificate is not None)
    listening = listening or listen(host, port)
    where = addresses(host, listening.getsockname()[1], names, tls=certificate is not None)

    def tell() -> None:
        print(f"El sistema está abierto en {'   '.join(where)}   (Ctrl+C para cerrarlo)", flush=True)

    server = web_server(
        app.server, listening, certificate=certificate, addresses=where, renew=renew, opened=tell, **more
    )
    leave_imports_uncollected()
    try:
        server.run()
    finally:
        listening.close()


def web_server(app: WSGIApp, listening: socket.socket, **more: Any) -> WebServer:
    """Return the server of a WSGI app, still to be run; `more` is what a WebServer is told."""
    from a2wsgi import WSGIMiddleware

    from dashboard.serving.connections import WebServer
    from dashboard.serving.whole_requests import WholeRequests

    # Without bound, what an answer still has to send waits for its browser and no thread waits with it.
    adapted: Any = WSGIMiddleware(_quiet(app), workers=THREADS, send_queue_size=0)
    told = getattr(app, "config", {})  # where the app is Flask's
    whole = WholeRequests(adapted, told.get("MAX_CONTENT_LENGTH"), told.get("LARGE_BODIES"))
    return WebServer(whole, listening, **more)


def leave_imports_uncollected() -> None:
    """Let the garbage collector pass over what importing made: to walk it holds a request up by a tenth of a second."""
    gc.collect()
    gc.freeze()


def listen(host: str, port: int, *, patience_seconds: float = 0.0) -> socket.socket:
    """Return a socket that listens, waiting so long for whoever is just leaving the port. ServerError."""
    until = time.monotonic() + patience_seconds
    while True:
        try:
            family, _, _, _, where = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
            return socket.create_server((str(where[0]), port), family=family, backlog=512)
        except OSError as error:
            if error.errno == errno.EADDRINUSE and time.monotonic() < until:
                time.sleep(0.1)
                continue
            raise ServerError(
                f"No se puede abrir el puerto {port} en {host}: {error.strerror or error}. "
                "Cierre el programa que lo usa o indique otro con --port."
            ) from error


def addresses(host: str, port: int, names: Iterable[str] = (), *, tls: bool) -> list[str]:
    """Return what to write in the browser: the names of the LAN with TLS, else the host itself."""
    return [address(name, port, tls=tls) for name in (tls and tuple(names)) or (host,)]


def address(host: str, port: int, *, tls: bool = False) -> str:
    """Return what to write in the browser."""
    scheme, usual = ("https", 443) if tls else ("http", 80)
    return f"{scheme}://{f'[{host}]' if ':' in host else host}{'' if port == usual else f':{port}'}/"


def _quiet(app: WSGIApp) -> Any:
    """Return a WSGI app that writes its complaints where complaints go: a2wsgi gives it the terminal's output."""

    def with_errors(environ: Any, start_response: Any) -> Any:
        environ.update({"wsgi.errors": sys.stderr, "wsgi.multiprocess": False})
        return app(environ, start_response)

    return with_errors
