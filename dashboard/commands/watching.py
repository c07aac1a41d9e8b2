"""Verbs of logs that go on growing: watch, and the script that brings them here from the exchange.

In: paths of logs. Out: a line for each publication, until a signal ends it; or the script.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from dashboard.commands.base import console_user, store_settings, told
from dashboard.commands.spanish import Verbs
from dashboard.stopping import asked_to_stop

verbs = Verbs()


@verbs.command()
def watch(
    paths: Annotated[
        list[Path] | None,
        typer.Argument(help="queue_log que crecen, o sus carpetas; sin ellos, los de CALLCENTER_WATCH."),
    ] = None,
    interval: Annotated[
        float | None, typer.Option("--interval", min=1, help="Segundos entre publicaciones (por omisión 300).")
    ] = None,
) -> None:
    """Sigue registros que crecen y rotan, y la carpeta de entrada: publica lo nuevo a intervalos, hasta Ctrl+C."""
    from etl import store as stores
    from etl.follow import Follower
    from etl.watch import Watch

    with told():
        settings = store_settings()
        store = stores.open_store(settings)
        settings.inbox.mkdir(parents=True, exist_ok=True)
        followed = tuple(path.absolute() for path in paths or settings.watch)
        every = interval if interval is not None else settings.watch_seconds
        follower = Follower(followed, settings.inbox.absolute())
        shown = ", ".join(str(path) for path in (*followed, settings.inbox))

        with asked_to_stop() as stop:
            following = Watch(store, follower, every, _tell, console_user())
            following.run(stop, begin=lambda: _tell(f"se sigue {shown}, cada {every:g} s; termina con Ctrl+C"))
        _tell("terminado")


@verbs.command(name="pbx-script")
def pbx_script(
    out: Annotated[Path | None, typer.Option("--out", help="Lo escribe en este archivo.")] = None,
) -> None:
    """Muestra el guion sh que copia los registros desde la central, para ponerlo en su cron."""
    from importlib.resources import files

    with told():
        text = files("etl").joinpath("pbx", "copy_queue_log.sh").read_text(encoding="utf-8")
        if out is None:
            typer.echo(text, nl=False)
        else:
            out.write_text(text, encoding="utf-8", newline="\n")
            out.chmod(0o755)


def _tell(text: str) -> None:
    """Print a line with its time."""
    from datetime import UTC, datetime, timedelta

    from etl.settings import ZONE_OFFSET_SECONDS

    at = datetime.now(UTC) + timedelta(seconds=ZONE_OFFSET_SECONDS)
    typer.echo(f"{at:%d/%m/%Y %H:%M:%S} {text}")
