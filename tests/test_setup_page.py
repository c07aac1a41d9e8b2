"""Setting up without a browser: what has no rule, what is saved of a page, what is refused where, and to whom."""

import json
from collections.abc import Iterator
from contextlib import closing
from datetime import date
from typing import Any

import pytest
from sqlalchemy import func, select
from sqlalchemy.orm import Session
from werkzeug.test import TestResponse

from dashboard.app import create_app
from dashboard.context import Context
from dashboard.pages.setup import content
from dashboard.people.accounts import Identity, Role
from dashboard.work import assignments
from dashboard.work.assignments import REMOVED, ChangedMeanwhile, RowErrors
from dashboard.work.intake import IntakeError
from etl.mapping import AGENTS, QUEUES, rules_digest
from etl.records.engine import transaction
from etl.records.models import Job
from etl.records.site import PersonRule, QueueRule, replace_persons, replace_queues
from tests.callbacks import body_of
from tests.people import DOOR, SignedIn, account_of, asking_as
from tests.product import Product
from tests.reference_counter import LogFile
from tests.served import DAY_ONE, texts
from tests.worked_off import work_off

pytestmark = pytest.mark.duckdb
DAY = date(2026, 10, 31)


def call(queue: str, at: int, *, did: str = "", agent: str = "SIP/201") -> list[str]:
    """One answered call that enters a queue so many seconds after eight o'clock of 31/10/2026."""
    at += DAY_ONE
    return [
        *([f"{at}|{at}.1|NONE|NONE|DID|{did}"] if did else []),
        f"{at}|{at}.1|{queue}|NONE|ENTERQUEUE||70{at % 10**6:06}|1",
        f"{at + 5}|{at}.1|{queue}|{agent}|CONNECT|5|{at}.2|3",
        f"{at + 35}|{at}.1|{queue}|{agent}|COMPLETECALLER|5|30|1",
    ]


#: Two calls of ventas by one DID, one by another, one by none, five hours later; one to a queue that is a line.
LOG = [
    *call("ventas", 0, did="4250000"), *call("ventas", 60, did="4250000"), *call("ventas", 120, did="4250001"),
    *call("101", 180, agent="SIP/202"), *call("ventas", 5 * 3600), *call("interna", 6 * 3600, agent="SIP/202"),
]  # fmt: skip


@pytest.fixture
def context(product: Product) -> Iterator[Context]:
    product.load(LogFile("one", tuple(LOG)))
    with closing(Context(product.settings())) as opened:
        yield opened


def identity(context: Context, role: Role = Role.CHIEF) -> Identity:
    account = account_of(context.records, role)
    return Identity(account.account_id, account.name, account.full_name, role, False, 1)


def give(context: Context, *rules: QueueRule | PersonRule) -> None:
    """Put rules in force, as the console would."""
    with transaction(context.records) as session:
        replace_queues(session, [rule for rule in rules if isinstance(rule, QueueRule)])
        replace_persons(session, [rule for rule in rules if isinstance(rule, PersonRule)])


def saved(context: Context, what: str, *rows: list[str], role: Role = Role.CHIEF, shown: str | None = None) -> int:
    known = rules_digest(assignments.rules_of(context, what)) if shown is None else shown
    return assignments.save(context, identity(context, role), what, known, list(enumerate(rows)))


def errors_of(*rows: list[str], what: str = QUEUES) -> dict[int, str]:
    with pytest.raises(RowErrors) as caught:
        assignments.checked(what, list(enumerate(rows)))
    return caught.value.errors


def jobs_waiting(context: Context) -> int:
    with Session(context.records) as session:
        return session.scalar(select(func.count()).where(Job.state == "queued")) or 0


def test_what_has_no_line_is_told_with_its_weight_hours_and_dids(context: Context) -> None:
    ventas, interna = assignments.unknown_queues(context)
    assert (ventas.name, ventas.calls, ventas.first, ventas.last, ventas.free) == ("ventas", 4, DAY, DAY, (None, None))
    assert {hour: calls for hour, calls in enumerate(ventas.hours) if calls} == {8: 3, 13: 1}
    assert [(did.name, did.calls) for did in ventas.dids] == [("4250000", 2), ("", 1), ("4250001", 1)]
    assert (interna.name, [did.name for did in interna.dids]) == ("interna", [""])
    assert [(seen.name, seen.calls) for seen in assignments.unknown_interfaces(context)] == [
        ("SIP/201", 4), ("SIP/202", 2),
    ]  # fmt: skip


def test_a_new_rule_is_offered_the_days_that_the_others_leave(context: Context) -> None:
    give(
        context,
        QueueRule("ventas", None, "101", None, date(2026, 9, 30)),
        QueueRule("ventas", None, "102", date(2026, 12, 1), None),
        QueueRule("ventas", "4-250000", "103", date(2026, 11, 15), None),
        PersonRule("SIP/201", "Ana", None, date(2026, 8, 31)),
    )
    ventas, _ = assignments.unknown_queues(context)
    assert ventas.free == (date(2026, 10, 1), date(2026, 11, 30))
    assert {did.name: did.free for did in ventas.dids} == {
        "4250000": (None, date(2026, 11, 14)), "": (date(2026, 10, 1), date(2026, 11, 30)), "4250001": (None, None),
    }  # fmt: skip
    assert assignments.unknown_interfaces(context)[0].free == (date(2026, 9, 1), None)
    with asking_as(context, Role.CHIEF):
        part, keys = content.queues_part(context, assignments.rules_of(context, QUEUES), may_edit=True)
    fields = {(each.id["queues"], each.id["field"]): each.value for each in part._traverse() if _is_field(each)}
    assert (
        keys[0] == ["ventas", ""] and fields[0, "valid_from"] == "01/10/2026" and fields[0, "valid_to"] == "30/11/2026"
    )
    assert keys[-1] == [] and keys.count(["ventas", "4-250000"]) == 1
    assert fields[keys.index(["ventas", "4-250000"]), "service"] == "103"


def _is_field(each: Any) -> bool:
    return isinstance(getattr(each, "id", None), dict) and "field" in each.id


def test_what_is_wrong_is_told_of_each_row_and_of_both_that_overlap() -> None:
    assert errors_of(
        ["ventas", "", "102", "31/02/2026", ""],
        ["otra", "", "", "x", "y"],
        ["", "", "101", "", ""],
        ["tercera", "abc", "101", "", ""],
        ["cuarta", "", "999", "", ""],
        ["quinta", "", "101", "02/01/2026", "01/01/2026"],
        ["sexta\n", "", "101", "", ""],
        ["séptima\u202e", "", "101", "", ""],
        ["o" * 257, "", "101", "", ""],
    ) == {
        0: "«31/02/2026» no es una fecha; escriba dd/mm/aaaa o aaaa-mm-dd",
        2: "falta la cola",
        3: "«abc» no tiene dígitos; deje vacío para «cualquiera»",
        4: "«999» no es una de las líneas (101, 102, 103, 104, 4200002, 4200224, 4200400, 4251000, 4522222, 4639999, "
        "800130001, 800131313, no cuenta); corrija el número o escriba «no cuenta»",
        5: "la fecha final es anterior a la inicial",
        7: "tiene caracteres que no se ven: escríbalo de nuevo",
        8: "es demasiado largo: hasta 256 letras",
    }
    overlap = "dos reglas para la cola «ventas» valen en las mismas fechas; ajuste «desde» y «hasta»"
    found = errors_of(
        ["ventas", "", "101", "", "30/09/2026"], ["sin línea", "", "", "", ""], ["ventas", "", "102", "2026-09-30", ""]
    )
    assert set(found) == {0, 2} and all(text.startswith(overlap) for text in found.values())
    twice = errors_of(["SIP/1", "Ana", "", ""], ["SIP/1", "Eva", "", ""], what=AGENTS)
    assert set(twice) == {0, 1}


def test_what_is_saved_becomes_the_rules_and_the_figures_apply_them(context: Context) -> None:
    give(context, QueueRule("vieja", None, "104"), QueueRule("ida", None, "104"))
    job = saved(
        context, QUEUES,
        ["ventas", "", "102", "", ""], ["ventas", "4250001", "103", "01/10/2026", ""], ["interna", "", "", "", ""],
        ["vieja", "", "101", "", "31/12/2026"], ["ida", "", REMOVED, "", ""], ["", "", "", "", ""],
    )  # fmt: skip
    change = assignments.newest_change(context)
    assert change is not None and (change.job, change.what, change.who) == (job, QUEUES, "Cuenta chief")
    assert change.is_under_way and work_off(context) == ["done"]
    assert set(assignments.rules_of(context, QUEUES)) == {
        QueueRule("ventas", None, "102"), QueueRule("ventas", "4250001", "103", date(2026, 10, 1)),
        QueueRule("vieja", None, "101", None, date(2026, 12, 31)),
    }  # fmt: skip
    with context.reading() as (_, cursor):
        rows = cursor.execute(
            "SELECT queue, service, COUNT(*) FROM core.queue_visits GROUP BY ALL ORDER BY ALL"
        ).fetchall()
    assert rows == [("101", "101", 1), ("interna", None, 1), ("ventas", "102", 3), ("ventas", "103", 1)]
    saved(context, AGENTS, ["SIP/201", "María Peña", "", ""], ["SIP/202", "", "", ""], role=Role.SUPERVISOR)
    assert work_off(context) == ["done"]
    assert [seen.name for seen in assignments.unknown_interfaces(context)] == ["SIP/202"]


def test_a_page_is_out_of_date_when_its_rules_or_the_loads_change_and_not_when_other_rules_do(
    context: Context, product: Product
) -> None:
    before = {what: assignments.version_of(context, what) for what in (QUEUES, AGENTS)}
    saved(context, QUEUES, ["ventas", "", "102", "", ""])
    work_off(context)
    after = {what: assignments.version_of(context, what) for what in (QUEUES, AGENTS)}
    assert after[QUEUES] != before[QUEUES] and after[AGENTS] == before[AGENTS]
    product.load(LogFile("two", tuple(call("101", 9 * 3600))))
    assert assignments.version_of(context, AGENTS) != after[AGENTS]


def test_a_page_that_is_not_the_newest_changes_nothing(context: Context) -> None:
    before = rules_digest(assignments.rules_of(context, QUEUES))
    saved(context, QUEUES, ["ventas", "", "102", "", ""], role=Role.SUPERVISOR)
    with pytest.raises(ChangedMeanwhile, match="Se está aplicando otro cambio"):
        saved(context, QUEUES, ["ventas", "", "101", "", ""], shown=before)
    saved(context, AGENTS, ["SIP/201", "Ana", "", ""])  # the persons are another matter
    assert work_off(context) == ["done", "done"]
    with pytest.raises(ChangedMeanwhile, match="Mientras tanto Cuenta supervisor cambió estas reglas"):
        saved(context, QUEUES, ["ventas", "", "101", "", ""], shown=before)
    with pytest.raises(IntakeError, match="No hay cambios"):
        saved(context, QUEUES, ["ventas", "", "102", "", ""])
    assert assignments.rules_of(context, QUEUES) == (QueueRule("ventas", None, "102"),)
    assert jobs_waiting(context) == 0


def test_what_the_console_changed_while_a_job_waited_is_not_overwritten(context: Context) -> None:
    saved(context, QUEUES, ["ventas", "", "102", "", ""])
    give(context, QueueRule("otra", None, "101"))
    assert work_off(context) == ["failed"]
    change = assignments.newest_change(context)
    assert change is not None and "mientras tanto cambiaron las reglas" in change.tells
    assert assignments.rules_of(context, QUEUES) == (QueueRule("otra", None, "101"),)
    saved(context, QUEUES, ["ventas", "", "102", "", ""])
    give(context, QueueRule("ventas", None, "102"))  # as a job that was cut off half-way leaves it
    assert work_off(context) == ["done"]


def test_who_only_reads_saves_nothing(context: Context) -> None:
    for role in (Role.OPERATOR, Role.MANAGER, Role.QUALITY, Role.ADMINISTRATOR):
        with pytest.raises(IntakeError, match="no tiene permiso"):
            saved(context, QUEUES, ["ventas", "", "102", "", ""], role=role)
    assert jobs_waiting(context) == 0
    give(context, QueueRule("vieja", "4250000", "104", date(2026, 1, 1)), PersonRule("SIP/202", "Ana"))
    with asking_as(context, Role.QUALITY):
        for what, part in ((QUEUES, content.queues_part), (AGENTS, content.persons_part)):
            drawn, keys = part(context, assignments.rules_of(context, what), may_edit=False)
            told = texts(drawn)
            assert keys == [] and "Guardar" not in told and not [each for each in drawn._traverse() if _is_field(each)]
            assert (
                ("ventas" in told and "104 Números" in told)
                if what == QUEUES
                else ("SIP/201" in told and "Ana" in told)
            )


def sent(context: Context, what: str, fields: Any, shown: Any, role: Role = Role.CHIEF) -> TestResponse:
    """What the server answers to a save: fields as (row, field, value), and what the page held."""
    app = create_app(context, DOOR)
    body = body_of(app, f"setup-said-{what}.children", {f"setup-save-{what}.n_clicks": 1, "setup-shown.data": shown})
    body["state"][0] = [
        {"id": {what: row, "field": field}, "property": "value", "value": value} for row, field, value in fields
    ]
    return SignedIn(context, role, app).post("/_dash-update-component", json=body)


def test_a_save_over_http_goes_by_the_rows_of_the_page_and_tells_what_is_wrong_where(context: Context) -> None:
    known = rules_digest(())
    shown = {QUEUES: {"digest": known, "keys": [["ventas", ""], ["ventas", "4250001"], []]}}
    fields = [
        (0, "service", "102"),
        (1, "service", None),
        (2, "queue", "nueva"),
        (2, "service", "101"),
        (2, "did", "x"),
    ]
    answer = json.loads(sent(context, QUEUES, fields, shown).text)
    assert "1 fila por corregir" in json.dumps(answer["response"], ensure_ascii=False)
    wrong = {key: value for key, value in answer["sideUpdate"].items() if key.startswith("{")}
    assert wrong == {'{"row":2,"wrong":"queues"}': {"children": "«x» no tiene dígitos; deje vacío para «cualquiera»."}}
    assert jobs_waiting(context) == 0
    answer = json.loads(sent(context, QUEUES, [*fields[:-1], (2, "did", "")], shown, Role.SUPERVISOR).text)
    assert "Se guardó" in json.dumps(answer["response"], ensure_ascii=False)
    work_off(context)
    assert set(assignments.rules_of(context, QUEUES)) == {
        QueueRule("ventas", None, "102"),
        QueueRule("nueva", None, "101"),
    }


def test_what_is_no_page_of_ours_is_passed_over_and_readers_are_refused(context: Context) -> None:
    known = rules_digest(())
    good = {QUEUES: {"digest": known, "keys": [["ventas", ""]]}}
    for fields, shown in (
        ([(0, "service", "102")], None),
        ([(0, "service", "102")], {QUEUES: {"digest": known}}),
        ([(0, "service", "102")], {QUEUES: {"digest": known, "keys": [[1, 2]]}}),
        ([(0, "service", "102")], {QUEUES: {"digest": known, "keys": [["ventas", ""]] * 3001}}),
        ([(1, "service", "102")], good),
        ([(-1, "service", "102")], good),
        ([(0, "owner", "102")], good),
    ):
        answer = sent(context, QUEUES, fields, shown)
        assert answer.status_code in (200, 204, 400) and "setup-said" not in answer.text
    assert sent(context, QUEUES, [(0, "service", 102)], good).status_code == 200  # no text is no line
    for role in (Role.OPERATOR, Role.MANAGER, Role.QUALITY, Role.ADMINISTRATOR):
        assert sent(context, QUEUES, [(0, "service", "102")], good, role).status_code == 403
    assert jobs_waiting(context) == 0


def followed(context: Context, shown: Any, role: Role = Role.CHIEF) -> str:
    """What the page tells of changes since it was drawn."""
    app = create_app(context, DOOR)
    body = body_of(app, "setup-progress.children", {"setup-shown.data": shown})
    answer = SignedIn(context, role, app).post("/_dash-update-component", json=body)
    return json.dumps(json.loads(answer.text)["response"], ensure_ascii=False)


def test_a_change_is_followed_and_another_s_is_announced_without_drawing_the_page_anew(context: Context) -> None:
    shown = {what: {"version": assignments.version_of(context, what)} for what in (QUEUES, AGENTS)} | {"change": 0}
    quiet = followed(context, shown)
    assert '"setup-progress": {"children": null}' in quiet and '"disabled": true' in quiet
    assert "Hay datos o reglas nuevos" in followed(context, shown | {AGENTS: {"version": "another"}})
    job = saved(context, QUEUES, ["ventas", "", "102", "", ""])
    waits = followed(context, shown, Role.QUALITY)
    assert "que pidió Cuenta chief espera su turno" in waits and '"disabled": false' in waits
    work_off(context)
    done = followed(context, shown)
    assert "1 regla en vigor" in done and f'"setup-turn": {{"data": {{"what": "queues", "job": {job}}}}}' in done
    other = followed(context, shown, Role.SUPERVISOR)
    assert "Cuenta chief cambió reglas: pulse" in other and "setup-turn" not in other
    shown |= {"change": job, QUEUES: {"version": assignments.version_of(context, QUEUES)}}
    assert '"setup-progress": {"children": null}' in followed(context, shown)


def test_where_nothing_was_loaded_the_page_says_what_comes_first(empty_context: Context) -> None:
    with asking_as(empty_context, Role.CHIEF):
        part, keys = content.queues_part(empty_context, (), may_edit=True)
        told = texts(part)
        assert keys == [] and "Primero hace falta un registro" in told and "callcenter ingest" in told
        assert texts(content.persons_part(empty_context, (), may_edit=True)[0]) == ""
    assert assignments.unknown_queues(empty_context) == () and assignments.newest_change(empty_context) is None
