"""The parts of the page as tables to be saved: each holds what the page shows of it, unrounded.

In: a question and what was measured. Out: tables of reports.export.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

from dashboard.pages.bridge.content import left_out_text, step_rows
from dashboard.pages.bridge.measured import Measured
from dashboard.question import Question
from reports import terms
from reports.bridge_words import answer_lines
from reports.definition import ValueUnit
from reports.export import Column, Table, file_word
from reports.format import period_text
from reports.indicators import BY_NAME

_Part = tuple[str, list[Column], list[list[Any]]]


def table_of(part: str, question: Question, found: Measured, made_at: datetime, *, demo: bool) -> Table | None:
    """Return the table behind a part of the page, None for a part that it does not have."""
    if part not in _PARTS:
        return None
    title, columns, rows = _PARTS[part](found)
    notes = [f"{terms.BRIDGE_EXPORTS_SAY}{left_out_text(found)}"] if part == "exports" else []
    return Table(
        name=f"asternic-{file_word(title)}{question.file_suffix}",
        title=f"{terms.BRIDGE} {title}",
        says=(*question.says, *answer_lines(found.bridge), found.on_record.text, *notes),
        columns=tuple(columns),
        rows=rows,
        made_at=made_at,
        demo=demo,
    )


def _variants(found: Measured) -> _Part:
    columns = [
        Column("Forma de medir"), Column(terms.NUMERATOR, ValueUnit.COUNT), Column(terms.DENOMINATOR, ValueUnit.COUNT),
        Column(terms.VALUE, ValueUnit.PERCENT), Column("Qué hace"),
    ]  # fmt: skip
    rows: list[list[Any]] = [
        [BY_NAME[name].label, figure.numerator, figure.denominator, figure.value, terms.VARIANTS_EXPLAINED[name]]
        for name, figure in found.variants.items()
    ]
    rows += [
        [
            f"{each.report} ({terms.FROM_EXPORT})", each.answered_within, each.answered, each.level,
            f"hasta {each.within} s, {period_text(each.period)}",
        ]
        for each in found.exports
        if each.level is not None
    ]  # fmt: skip
    return terms.BRIDGE_VARIANTS, columns, rows


def _steps(found: Measured) -> _Part:
    columns = [Column(heading) for heading in terms.BRIDGE_COLUMNS]
    columns[1:3] = [Column(heading, ValueUnit.COUNT) for heading in terms.BRIDGE_COLUMNS[1:3]]
    rows: list[list[Any]] = [
        [label, number, running, item.says if item is not None else ""]
        for item, label, number, running in step_rows(found.bridge)
    ]
    return terms.BRIDGE_STEPS, columns, rows


def _exports(found: Measured) -> _Part:
    heading = terms.BRIDGE_EXPORT_COLUMNS
    columns = [
        Column(heading[0]), Column(heading[1]), Column("Cifra"),
        *(Column(each, ValueUnit.COUNT) for each in heading[3:]),
    ]  # fmt: skip
    rows: list[list[Any]] = []
    for each in found.exports:
        whose = [f"{each.report}", period_text(each.period)]
        answered, unanswered = each.differences
        if answered is not None:
            rows.append([*whose, "Atendidas", each.answered, each.shown.answered, answered])
        if unanswered is not None:
            rows.append([*whose, "Sin atender", each.unanswered, each.shown.unanswered, unanswered])
    return terms.BRIDGE_EXPORTS, columns, rows


_PARTS: dict[str, Callable[[Measured], _Part]] = {"variants": _variants, "steps": _steps, "exports": _exports}
