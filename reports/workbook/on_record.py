"""What of a month is on record and what is not, in words.

In: a month's summary. Out: pairs of a label and a text, nothing of what is missing left out.
"""

from __future__ import annotations

from collections import Counter

from reports import terms
from reports.format import number_text
from reports.summary import MonthSummary
from reports.wording import days_text


def facts_on_record(summary: MonthSummary) -> list[tuple[str, str]]:
    """Return what the logs cover of a month: days, lines, calls without an outcome, calls without a line, causes."""
    found = summary.completeness
    without_log = [day for day in found.period if day not in found.covered]
    silent = [line for line in found.lines if line not in found.lines_with_record]
    facts = [
        ("Cubierto por los registros", found.text),
        ("Días sin registro", days_text(without_log) if without_log else "ninguno"),
        ("Líneas sin registro", _lines_text(silent) if silent else "ninguna"),
    ]
    partly = Counter(
        item.service
        for item in found.line_days
        if item.state == terms.NO_RECORD and item.day in found.covered and item.service in found.lines_with_record
    )
    if partly:
        parts = [f"{terms.line_name(line)}: {n} {'día' if n == 1 else 'días'}" for line, n in partly.items()]
        facts.append(("Líneas con días sin registro", "; ".join(parts)))
    if quiet := [line for line in found.lines_with_record if not found.days_of(line, terms.WITH_DATA)]:
        facts.append(("Líneas sin llamadas", _lines_text(quiet)))
    facts += [("Llamadas en curso", _open_text(summary)), ("Llamadas sin línea", _without_line_text(summary))]
    if summary.causes:
        facts.append((terms.BY_CAUSE, ", ".join(f"{cause} {number_text(number)}" for cause, number in summary.causes)))
    return facts


def _lines_text(lines: list[str]) -> str:
    return ", ".join(map(terms.line_name, lines))


def _open_text(summary: MonthSummary) -> str:
    if not summary.open_calls:
        return "ninguna"
    parts = [f"{number_text(n)} de {terms.line_name(line) or terms.NO_LINE}" for line, n in summary.open_calls.items()]
    total = number_text(sum(summary.open_calls.values()))
    calls = f"{total} ({', '.join(parts)})" if len(parts) > 1 else parts[0]
    return f"{calls}: todavía en ninguna cifra"


def _without_line_text(summary: MonthSummary) -> str:
    without = next((line for line in summary.lines if not line.service), None)
    if without is None:
        return "ninguna"
    number = number_text(without.figures["registered"].numerator)
    return f"{number}, dentro del total; su cola no está asignada a una línea"
