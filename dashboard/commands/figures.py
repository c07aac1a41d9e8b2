"""Verbs of what comes out: kpi, report.

In: the store. Out: figures as text, a report as a file.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from dashboard.commands.base import EXIT_REFUSED, day_of, store_kind_or_site, store_settings, told, usage
from dashboard.commands.spanish import Verbs

verbs = Verbs()

REPORTS = ("monthly",)


@verbs.command()
def kpi(
    names: Annotated[list[str], typer.Argument(help="Indicadores, por ejemplo service_level registered.")],
    first: Annotated[str, typer.Option("--from", help="Primer día, aaaa-mm-dd.")],
    last: Annotated[str, typer.Option("--to", help="Último día, aaaa-mm-dd (incluido).")],
    by: Annotated[str, typer.Option("--by", help="Dimensiones separadas por comas, por ejemplo month,service.")] = "",
    where: Annotated[list[str] | None, typer.Option("--where", help="Filtro DIMENSIÓN=VALOR; puede repetirse.")] = None,
    unit: Annotated[str | None, typer.Option("--unit", help="visit, line o call.")] = None,
    format_: Annotated[str, typer.Option("--format", help="table, csv o json.")] = "table",
) -> None:
    """Da indicadores de un período, cada uno con su numerador y su denominador."""
    from etl import store as stores
    from etl.warehouse import open_generation
    from reports.definition import Dimension, Period, PeriodError, Unit
    from reports.kpi import FORMATS, render
    from reports.query import QueryError, measure
    from reports.rules import Rules

    if format_ not in FORMATS:
        usage(f"no existe el formato «{format_}»; hay {', '.join(FORMATS)}.")
    if unit is not None and unit not in list(Unit):
        usage(f"no existe la unidad «{unit}»; hay {', '.join(Unit)}.")
    try:
        period = Period(day_of(first, "--from"), day_of(last, "--to"))
    except PeriodError as error:
        usage(str(error))
    dimensions = [name.strip() for name in by.split(",") if name.strip()]
    filters: dict[str, list[str]] = {}
    for text in where or []:
        name, equals, value = text.partition("=")
        if not equals:
            usage(f"--where {text}: falta el signo «=»; escriba DIMENSIÓN=VALOR.")
        filters.setdefault(name.strip(), []).append(value.strip())
    for name in (*dimensions, *filters):
        if name not in list(Dimension):
            usage(f"no existe la dimensión «{name}»; hay {', '.join(Dimension)}.")
    with told():
        store = stores.open_store(store_settings(), kind=store_kind_or_site(), create=False)
        rules = Rules.from_rows(store.site().parameters)
        _, connection = open_generation(store.settings.warehouse, threads=store.settings.threads)
        try:
            frame = measure(
                connection, rules, names, period, by=[Dimension(name) for name in dimensions], where=filters,
                unit=Unit(unit) if unit else None,
            )  # fmt: skip
        except QueryError as error:
            usage(str(error))
        finally:
            connection.close()
        typer.echo(render(frame, format_), nl=False)


@verbs.command()
def report(
    name: Annotated[str, typer.Argument(help="Qué informe: monthly, el libro del mes en Excel.")],
    month: Annotated[
        str | None, typer.Option("--month", help="Mes, aaaa-mm; por omisión el último completo con registro.")
    ] = None,
    out: Annotated[Path | None, typer.Option("--out", help="Archivo que se escribe, terminado en .xlsx.")] = None,
) -> None:
    """Escribe un informe para llevar a la reunión: el libro del mes, con cada cifra y lo que se divide."""
    if name not in REPORTS:
        usage(f"no existe el informe «{name}»; hay {', '.join(REPORTS)}.")
    if out is None:
        usage("falta --out ARCHIVO.xlsx.")
    if out.suffix.lower() != ".xlsx" and not out.is_dir():
        usage(f"--out {out}: el libro es de Excel; termine el nombre en .xlsx.")

    from etl import store as stores
    from etl.warehouse import open_generation
    from reports.definition import PeriodError
    from reports.definition import month as read_month
    from reports.measured import recorded
    from reports.query import QueryError
    from reports.rules import Rules, RulesError
    from reports.workbook.handover import hand_over
    from reports.workbook.monthly import monthly_workbook
    from reports.workbook.template import WorkbookError

    if month is not None:
        try:
            read_month(month)
        except PeriodError as error:
            usage(f"--month {month}: {error}.")
    with told():
        store = stores.open_store(store_settings(), kind=store_kind_or_site(), create=False)
        generation, connection = open_generation(store.settings.warehouse, threads=store.settings.threads)
        try:
            log = recorded(connection)
            text = (log.latest_whole or "") if month is None else month
            rules = Rules.from_rows(store.site().parameters)
            book = monthly_workbook(generation, connection, rules, text, log, demo=store_kind_or_site() == stores.DEMO)
            hand_over(book, out)
        except (QueryError, RulesError, WorkbookError) as error:
            typer.echo(f"{error}.", err=True)
            raise typer.Exit(EXIT_REFUSED) from None
        finally:
            connection.close()
        typer.echo(f"{out}: {text}")
