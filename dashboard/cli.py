"""The command ``callcenter``, assembled at the top of the chain. Every verb imports what it needs when it runs.

Exit codes: 0 done, 1 refused or failed, 2 usage, 75 another load runs.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from dashboard.commands import figures, loads, people, safety, site, watching
from dashboard.commands.base import Chosen
from dashboard.commands.spanish import Verbs

app = Verbs(
    name="callcenter",
    help="Cifras del Call Center: carga registros de llamadas y da el indicador del manual COM-DSO-P01.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
for verbs in (loads.verbs, watching.verbs, figures.verbs, people.verbs, site.verbs, safety.verbs):
    app.add_typer(verbs)


@app.callback()
def _options(
    data: Annotated[
        Path | None, typer.Option("--data", envvar="CALLCENTER_DATA", help="Carpeta del almacén (por omisión ./data).")
    ] = None,
) -> None:
    Chosen.data = data


def main() -> None:
    """Run the command. What it writes is its owner's alone, the numbers of those who call too."""
    os.umask(0o077)
    app()
