"""Figures in words, the same on every page and sheet and in every notebook.

In: figures with their verdicts. Out: text in Spanish.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from decimal import Decimal

from reports import terms
from reports.definition import Indicator, Unit
from reports.format import date_text, moment_text, number_text, percent_text, target_text, unit_text
from reports.measured import Figure, Verdict
from reports.rules import Parameter

_UNIT_SUFFIXES = {"_seconds": "s", "_hours": "h"}


def fresh_text(data_until: Mapping[str, datetime]) -> str:
    """Return until when the log reaches, by PBX where there are several."""
    many = len(data_until) > 1
    return "registro hasta " + " · ".join(
        f"{f'{pbx}: ' if many else ''}{moment_text(at)}" for pbx, at in data_until.items()
    )


def no_verdict_text(figure: Figure | None, verdict: Verdict) -> str:
    """Return why there is no verdict: "sin registro", "sin meta" or "sin llamadas"."""
    if figure is None:
        return terms.NO_RECORD
    return terms.NO_TARGET if verdict.target is None else terms.NO_CALLS


def aim_text(target: Decimal | None) -> str:
    """Return what is to be reached: "80 % o más", "sin meta"."""
    return terms.NO_TARGET if target is None else f"{target_text(target)} o más"


def aims_text(targets: Sequence[Decimal | None]) -> str:
    """Return what the line across months side by side stands for: "línea: meta 80 %", "línea: meta de cada mes"."""
    found = {target for target in targets if target is not None}
    if not found:
        return terms.NO_TARGET
    return f"línea: meta {target_text(min(found)) if len(found) == 1 else 'de cada mes'}"


def clause_text(indicator: Indicator) -> str:
    """Return the rule an indicator comes from, as a sentence."""
    return f"{indicator.clause[:1].upper()}{indicator.clause[1:]}."


def verdict_text(complies: bool | None) -> str:
    """Return "Cumple" or "No cumple"; a blank where there is no verdict."""
    return {True: terms.COMPLIES, False: terms.DOES_NOT_COMPLY, None: terms.BLANK}[complies]


def parameter_text(parameter: Parameter) -> str:
    """Return the value of a parameter: "80 % o más", "20 s", "12: 101, 102, ..."."""
    match parameter.value:
        case tuple() as lines:
            return f"{len(lines)}: {', '.join(lines)}"
        case Decimal() as share:
            return aim_text(share)
        case number:
            unit = next((text for suffix, text in _UNIT_SUFFIXES.items() if parameter.name.endswith(suffix)), "")
            return f"{number_text(number)} {unit}".strip()


def validity_text(parameter: Parameter) -> str:
    """Return from when to when a parameter is in force."""
    start, end = parameter.valid_from, parameter.valid_to
    if start is None and end is None:
        return "sin límite"
    from_text = f"desde {date_text(start)}" if start else ""
    to_text = f"hasta {date_text(end)}" if end else ""
    return " ".join(part for part in (from_text, to_text) if part)


def threshold_text(thresholds: Sequence[int]) -> str:
    """Return the seconds in force: "20 s", or "20 s y 30 s" where they changed within the period."""
    return " y ".join(f"{seconds} s" for seconds in thresholds)


def gap_text(figure: Figure, verdict: Verdict, unit: Unit = Unit.LINE) -> str:
    """Say how many calls the target was missed by, or how many there were to spare."""
    if verdict.complies is None:
        return "" if figure.denominator else f"Sin {unit_text(0, unit, 'registrad')} no hay nivel de servicio."
    if verdict.complies:
        calls = f"{number_text(verdict.spare)} {unit_text(verdict.spare, unit)}"
        return f"margen de {calls} sobre la meta" if verdict.spare else "justo en la meta"
    text = f"{'faltó' if verdict.missing == 1 else 'faltaron'} {number_text(verdict.missing)} "
    text += unit_text(verdict.missing, unit)
    if verdict.target is not None and percent_text(figure.value) == target_text(verdict.target, 1):
        text += f" (sin redondear: {unrounded_text(figure, verdict.target)})"
    return text


def unrounded_text(figure: Figure, target: Decimal | None) -> str:
    """Return a share with three decimals, or as many as tell it from its target."""
    decimals = 3
    while target is not None and decimals < 9 and figure.value is not None and figure.value != float(target):
        if percent_text(figure.value, decimals) != percent_text(target, decimals):
            break
        decimals += 1
    return percent_text(figure.value, decimals)


def comparison_text(name: str, before: Figure, now: Figure) -> str:
    """Compare with the figure of another time: "Septiembre de 2026: 79,1 % (81 de 102); subió 1,2 puntos"."""
    text = f"{name}: {percent_text(before.value)}"
    if before.denominator:
        text += f" ({number_text(before.numerator)} de {number_text(before.denominator)})"
    if before.value is None or now.value is None:
        return text
    points = 100 * (now.value - before.value)
    written = number_text(abs(points), 1)
    if written == number_text(0, 1):
        return f"{text}; sin cambio"
    return f"{text}; {'subió' if points > 0 else 'bajó'} {written} {'punto' if written == '1,0' else 'puntos'}"


def days_text(days: Sequence[date]) -> str:
    """Return days of one month as "3, 7 a 9 y 12": neighbours joined."""
    spans: list[list[date]] = []
    for day in days:
        if spans and day - spans[-1][-1] == timedelta(days=1):
            spans[-1].append(day)
        else:
            spans.append([day])
    texts = [f"{span[0].day} a {span[-1].day}" if len(span) > 1 else f"{span[0].day}" for span in spans]
    return texts[0] if len(texts) == 1 else f"{', '.join(texts[:-1])} y {texts[-1]}"
