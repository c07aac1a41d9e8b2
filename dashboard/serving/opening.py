"""What has to be right before the system is opened, and the processes that it is then made of.

In: settings. Out: a web server and a worker, kept alive until they are told to stop; or an error whose message is for
users: ServerError, StoreError, ConfigurationError, AlreadyOpenError.
"""

from __future__ import annotations

import os
import socket
import sys
from dataclasses import dataclass

from dashboard.serving.certificates import Pair, server_pair
from dashboard.serving.server import check_host, is_loopback, listen
from dashboard.serving.supervisor import Child, follow_parent, keep_alive, only_one
from dashboard.site.configuration import ConfigurationError, check_debugging
from dashboard.site.secret import new_secret, read_secret
from etl import store as stores
from etl.settings import Settings

_ITSELF = ("127.0.0.1", "localhost", "::1")
#: For a server that is just leaving the port, as after a restart by systemd.
_PORT_PATIENCE_SECONDS = 5.0


@dataclass(frozen=True)
class Place:
    """Where the system listens, and what it shows there: TLS with a certificate, plain HTTP on loopback without."""

    host: str
    port: int
    certificate: Pair | None


def place_of(settings: Settings, *, host: str | None = None, port: int | None = None) -> Place:
    """Return where a site is served. ServerError, ConfigurationError."""
    host, port = settings.host if host is None else host, settings.port if port is None else port
    pair = server_pair(settings)
    check_host(host, tls=pair is not None)
    check_debugging(loopback=is_loopback(host))
    if not is_loopback(host) and not settings.hosts:
        raise ConfigurationError(
            "Falta CALLCENTER_HOSTS: los nombres de la red con que se abre el sistema, separados por comas."
        )
    return Place(host, port, pair)


def demo_place(port: int) -> Place:
    """Return where invented data are shown: on this computer only."""
    return Place("127.0.0.1", port, None)


def check_site(settings: Settings) -> None:
    """Refuse to open what is no site that somebody can sign in to. StoreError, ConfigurationError."""
    kind = stores.store_kind(settings)
    if kind == stores.DEMO:
        raise stores.StoreError(
            f"El almacén de {settings.data} es de demostración (DATOS DE MUESTRA): ábralo con «callcenter demo»."
        )
    if kind is None or not _has_accounts(settings):
        raise stores.StoreError(
            f"En {settings.data} no hay ninguna cuenta con que ingresar: prepare el sitio con "
            f"«callcenter init {settings.data}», o agregue una con «callcenter user add»."
        )
    read_secret(settings)


def open_system(settings: Settings, place: Place, *, demo: bool = False) -> int:
    """Serve a store with its worker until it is told to stop; return the exit code. ServerError, AlreadyOpenError."""
    environment = dict(os.environ)
    if demo:  # nothing of a demonstration outlives it
        environment["CALLCENTER_SECRET"] = new_secret()
    with only_one(settings.data):
        listening = listen(place.host, place.port, patience_seconds=_PORT_PATIENCE_SECONDS)
        port = listening.getsockname()[1]
        base = [sys.executable, "-P", "-m", "dashboard", "--data", str(settings.data.resolve())]
        web = [*base, "web", "--host", place.host, "--port", str(port), *(["--demo"] if demo else [])]
        if sys.platform == "win32":  # its processes do not pass sockets on so easily
            listening.close()
            inherited: tuple[int, ...] = ()
        else:  # the parent holds it: while the web server is started again, browsers wait and are not refused
            inherited = (listening.fileno(),)
            web += ["--socket", str(listening.fileno())]
        try:
            children = [Child("Servidor web", web, inherited), Child("Trabajos", [*base, "work"])]
            return keep_alive(children, environment=environment)
        finally:
            listening.close()


def run_web(settings: Settings, *, host: str, port: int, descriptor: int | None, demo: bool) -> None:
    """Be the web server of a store. What `open_system` started this process for; it does not return."""
    _begin_child()
    from dashboard.app import create_app
    from dashboard.context import Context
    from dashboard.security.door import Door
    from dashboard.serving.server import serve

    place = demo_place(port) if demo else place_of(settings, host=host, port=port)
    door = Door(read_secret(settings), trusted_hosts(settings, demo=demo), tls=place.certificate is not None)
    context = Context(settings)
    serve(
        create_app(context, door),
        place.host,
        place.port,
        place.certificate,
        names=settings.hosts,
        listening=None if descriptor is None else socket.socket(fileno=descriptor),
        renew=None if demo else lambda: server_pair(settings),
        most_of_address=settings.connections_of_address,
    )
    # A request that is still under way keeps its thread: nobody waits for what no browser can get any more.
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0)


def run_worker(settings: Settings) -> None:
    """Be the worker of a store. What `open_system` started this process for."""
    _begin_child()
    from dashboard.work.worker import run

    run(settings)


def trusted_hosts(settings: Settings, *, demo: bool = False) -> tuple[str, ...]:
    """Return the names that the server answers to."""
    return _ITSELF if demo else tuple(dict.fromkeys((*_ITSELF, *settings.hosts)))


def _begin_child() -> None:
    follow_parent()
    os.umask(0o077)  # what a site holds is its owner's alone


def _has_accounts(settings: Settings) -> bool:
    from sqlalchemy import select

    from etl.records.engine import open_records, transaction
    from etl.records.models import Account

    records = open_records(settings.database_url)
    try:
        with transaction(records) as session:
            return session.scalar(select(Account.account_id).where(Account.disabled.is_(False)).limit(1)) is not None
    finally:
        records.dispose()
