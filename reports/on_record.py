"""What of a month is on record and what is not, in words.

In: a month's summary. Out: pairs of a label and a text.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from reports import terms
from reports.format import number_text
from reports.summary import MonthSummary
from reports.wording import days_text

CALLS_WITHOUT_LINE = "Llamadas sin línea"
# What stands in the place of a fact that there is none of.
_NONE = {"Días sin registro": "ninguno"}


def missing_from_record(summary: MonthSummary) -> list[tuple[str, str]]:
    """Return what is missing of a month, or not in its figures yet, or not told by line; nothing of what is not."""
    return [(label, text) for label, text in _facts(summary) if text]


def facts_on_record(summary: MonthSummary) -> list[tuple[str, str]]:
    """Return the same with what is not missing ("ninguno"), what the logs cover, and the unanswered by cause."""
    facts = [("Cubierto por los registros", summary.completeness.text)]
    facts += [(label, text or _NONE.get(label, "ninguna")) for label, text in _facts(summary)]
    if summary.causes:
        facts.append((terms.BY_CAUSE, ", ".join(f"{cause} {number_text(number)}" for cause, number in summary.causes)))
    return facts


def _facts(summary: MonthSummary) -> list[tuple[str, str]]:
    found = summary.completeness
    without_log = [day for day in found.period if day not in found.covered]
    silent = [line for line in found.lines if line not in found.lines_with_record]
    partly = Counter(
        item.service
        for item in found.line_days
        if item.state == terms.NO_RECORD and item.day in found.covered and item.service in found.lines_with_record
    )
    days = [f"{terms.line_name(line)}: {n} {'día' if n == 1 else 'días'}" for line, n in partly.items()]
    quiet = [line for line in found.lines_with_record if not found.days_of(line, terms.WITH_DATA)]
    return [
        ("Días sin registro", days_text(without_log) if without_log else ""),
        ("Líneas sin registro", _lines_text(silent)),
        ("Líneas con días sin registro", "; ".join(days)),
        ("Líneas sin llamadas", _lines_text(quiet)),
        ("Llamadas en curso", _open_text(summary)),
        (CALLS_WITHOUT_LINE, _without_line_text(summary)),
    ]


def _lines_text(lines: Sequence[str]) -> str:
    return ", ".join(map(terms.line_name, lines))


def _open_text(summary: MonthSummary) -> str:
    if not summary.open_calls:
        return ""
    parts = [f"{number_text(n)} de {terms.line_name(line) or terms.NO_LINE}" for line, n in summary.open_calls.items()]
    total = number_text(sum(summary.open_calls.values()))
    calls = f"{total} ({', '.join(parts)})" if len(parts) > 1 else parts[0]
    return f"{calls}: todavía en ninguna cifra"


def _without_line_text(summary: MonthSummary) -> str:
    without = next((line for line in summary.lines if not line.service), None)
    number = without.figures["registered"].numerator if without else None
    return f"{number_text(number)}, dentro del total; su cola no está asignada a una línea" if number else ""
