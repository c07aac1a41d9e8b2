"""The web server. Until accounts exist it answers this computer and no other.

In: an app, a host and a port. Out: pages, until it is told to stop.
"""

from __future__ import annotations

import gc
import socket
from ipaddress import ip_address

from dash import Dash
from waitress.server import create_server

#: Requests answered at the same time; each page asks for little.
THREADS = 4
_REQUEST_LIMIT_BYTES = 1_000_000


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


def check_host(host: str) -> None:
    """Refuse to serve any host but loopback. ServerError."""
    if not is_loopback(host):
        raise ServerError(
            f"No se puede servir en «{host}»: mientras no haya cuentas de usuario, el sistema solo se abre en esta "
            "misma computadora (127.0.0.1, ::1 o localhost)."
        )


def serve(app: Dash, host: str = "127.0.0.1", port: int = 8050) -> None:
    """Serve the app until interrupted and print its address; port 0 takes a free one. ServerError."""
    check_host(host)
    try:
        listening = _listen(host, port)
    except OSError as error:
        raise ServerError(
            f"No se puede abrir el puerto {port} en {host}: {error.strerror or error}. "
            "Cierre el programa que lo usa o indique otro con --port."
        ) from error
    # Without an identity no Server header is sent.
    server = create_server(
        app.server, sockets=[listening], threads=THREADS, ident=None, max_request_body_size=_REQUEST_LIMIT_BYTES
    )
    where = address(host, listening.getsockname()[1])
    leave_imports_uncollected()
    print(f"El sistema está abierto en {where}   (Ctrl+C para cerrarlo)", flush=True)
    try:
        server.run()
    finally:
        server.close()


def leave_imports_uncollected() -> None:
    """Let the garbage collector pass over what importing made: to walk it holds a request up by a tenth of a second."""
    gc.collect()
    gc.freeze()


def _listen(host: str, port: int) -> socket.socket:
    """Return a socket that listens. OSError."""
    family, _, _, _, where = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    return socket.create_server((str(where[0]), port), family=family)


def address(host: str, port: int) -> str:
    """Return what to write in the browser."""
    return f"http://{f'[{host}]' if ':' in host else host}:{port}/"
