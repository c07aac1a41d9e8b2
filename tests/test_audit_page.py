"""The page Auditoría: asked for by its address, read in words, saved as it is asked for."""

import base64
from collections.abc import Iterator
from contextlib import closing
from datetime import date, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import text

from dashboard.context import Context
from dashboard.filters import FilterError
from dashboard.pages import audit
from dashboard.people import audit_log
from dashboard.people.accounts import Role
from etl import store as stores
from etl.records.audit import Action, Actor, Result, note, seal_days
from etl.records.engine import transaction
from etl.settings import Settings
from reports import terms
from tests.house import EVIL, House, changed
from tests.served import find, texts


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Context]:
    """An audit of 130 entries of three days, two of them sealed."""
    settings = Settings(data=tmp_path_factory.mktemp("audit") / "data")
    stores.open_store(settings).records.dispose()
    with closing(Context(settings)) as context:
        with transaction(context.records) as session:
            for number in range(130):
                who = "ana" if number % 2 else "beto"
                entry = note(
                    session, Actor(None, who, "chief", "10.0.0.7"), Action.EXPORT if number % 3 else Action.ROLE,
                    f"{EVIL}-{number}", Result.REFUSED if number % 5 == 0 else Result.DONE,
                    rows=number, masked=True, before="operator", after=EVIL, nothing=None,
                )  # fmt: skip
                session.expunge(entry)
        with context.records.begin() as connection:  # as if those days had been
            connection.exec_driver_sql("DROP TRIGGER audit_entries_no_update")
            for number in range(130):
                at = datetime(2026, 10, 1 + number // 50, 12) + timedelta(minutes=number)
                connection.execute(
                    text("UPDATE audit_entries SET entered_at = :at WHERE entry_id = :id"),
                    {"at": f"{at:%Y-%m-%d %H:%M:%S.000000}", "id": number + 1},
                )
        with transaction(context.records) as session:
            assert len(seal_days(session, datetime(2026, 10, 3, 20))) == 2
        yield context


@pytest.mark.parametrize(
    ("search", "number"),
    [
        ("", 130),
        ("?desde=&hasta=&accion=&cuenta=&resultado=", 130),
        ("?cuenta=ana", 65),
        ("?cuenta=ANA", 65),
        ("?accion=role", 44),
        ("?resultado=refused", 26),
        ("?desde=2026-10-02", 80),
        ("?hasta=01%2F10%2F2026", 50),
        ("?desde=2/10/2026&hasta=2026-10-02&cuenta=ana", 25),
        ("?desde=2030-01-01", 0),
        ("?cuenta=%27+OR+1%3D1+--", 0),
    ],
)
def test_a_part_of_the_audit_is_asked_for_by_its_address(search: str, number: int, written: Context) -> None:
    asked = audit_log.read_asked(search)
    assert audit_log.count_asked(written, asked) == number
    assert audit_log.read_asked(asked.address) == asked
    drawn = texts(audit.page_of(written, search))
    assert f"{number} anotaciones" in drawn


@pytest.mark.parametrize(
    "search",
    ["?desde=ayer", "?desde=31/02/2026", "?desde=2026-10-02&hasta=2026-10-01", "?accion=x", "?resultado=x",
     "?pagina=0", "?pagina=-1", "?pagina=x", "?pagina=99999999999999999999", "?desde=0001-01-01", "?hasta=9999-12-31"],
)  # fmt: skip
def test_what_cannot_be_read_of_an_address_is_told_and_the_rest_of_the_page_stays(
    search: str, written: Context
) -> None:
    with pytest.raises(FilterError) as caught:
        audit_log.read_asked(search)
    drawn = audit.page_of(written, search)
    marked = [str(getattr(each, "error", None) or "") for each in drawn._traverse()]
    assert str(caught.value) in texts(drawn) or f"{caught.value}." in marked
    assert "anotaciones" in texts(drawn) and "Filtrar" in texts(drawn)
    assert audit.saved_entries(written, search, 10) is None


def test_a_wrong_day_keeps_what_was_typed_and_says_how_a_day_is_written(written: Context) -> None:
    drawn = audit.page_of(written, "?desde=32/01/2026&cuenta=ana")
    day = next(each for each in drawn._traverse() if getattr(each, "name", "") == "desde")
    assert (day.value, day.error) == ("32/01/2026", "«32/01/2026» no es una fecha; escriba dd/mm/aaaa.")
    assert "65 anotaciones" in texts(drawn)  # the other filter holds


def test_details_are_told_as_figures_are_and_only_what_says_something() -> None:
    told = audit_log.details_text('{"lines": 31055, "must_change": false, "masked": true, "of": 12345}')
    assert told == "líneas: 31.055 · con datos ocultos: sí · del trabajo: 12345"


def test_the_audit_is_read_page_by_page_newest_first(written: Context) -> None:
    asked = audit_log.read_asked("")
    first = audit_log.entries_shown(written, asked, limit=50)
    rest = [audit_log.entries_shown(written, asked, limit=50, offset=offset) for offset in (50, 100)]
    numbers = [int(entry.about.rpartition("-")[2]) for page in (first, *rest) for entry in page]
    assert numbers == list(range(129, -1, -1))
    assert first[0].at == datetime(2026, 10, 3, 8) + timedelta(minutes=129)  # La Paz
    for page, has in ((1, {"Más antiguas"}), (2, {"Más nuevas", "Más antiguas"}), (3, {"Más nuevas"})):
        drawn = texts(audit.page_of(written, f"?pagina={page}"))
        assert {word for word in ("Más nuevas", "Más antiguas") if word in drawn} == has
        assert f"Página {page} de 3" in drawn
    assert "Página 3 de 3" in texts(audit.page_of(written, "?pagina=7"))


def test_an_entry_reads_in_words_and_a_name_stays_a_text(written: Context) -> None:
    """S32."""
    entry = audit_log.entries_shown(written, audit_log.read_asked("?accion=role"), limit=1)[0]
    assert (entry.role, entry.action, entry.result) == ("Jefatura", "cambio de rol", "hecho")
    assert entry.details == f"filas: 129 · con datos ocultos: sí · antes: Operador(a) · después: {EVIL}"
    cells = find(audit.page_of(written, "?accion=role"), lambda each: type(each).__name__ == "Tbody")
    assert f"{EVIL}-129" in texts(cells)
    assert not find(cells, lambda each: type(each).__name__ not in ("Tbody", "Tr", "Td", "Span"))


def test_what_was_cut_or_is_no_json_is_shown_as_it_is() -> None:
    for details in ("", '{"reason": "cort', "[1]", "7"):
        assert audit_log.details_text(details) == details
    assert audit_log.about_text("load 3") == "carga 3" and audit_log.about_text("load") == "load"
    assert audit_log.about_text("page.csv x") == "page.csv x"


def test_every_act_and_result_has_a_word() -> None:
    assert set(terms.AUDIT_ACTIONS) == {action.value for action in Action}
    assert set(terms.AUDIT_RESULTS) == {result.value for result in Result}


def test_the_audit_is_saved_as_it_is_asked_for(written: Context) -> None:
    table = audit.saved_entries(written, "?cuenta=ana&desde=2026-10-02", 1000)
    assert table is not None and len(table.rows) == 40
    assert table.says == ("Desde 02/10/2026", "Cuenta: ana")
    few = audit.saved_entries(written, "", 10)
    assert few is not None and len(few.rows) == 10 and "Las 10 más nuevas de 130" in few.says


def test_the_chain_tells_what_somebody_changed_behind_the_system_s_back(
    written: Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = audit_log.chain_of(written, days=None)
    assert (whole.days, whole.last, whole.looked_at, whole.broken) == (2, date(2026, 10, 2), 2, ())
    assert audit_log.chain_of(written, days=1).looked_at == 1
    assert "El último día sellado coincide" in texts(audit._chain(audit_log.chain_of(written, days=1)))
    with written.records.begin() as connection:
        connection.exec_driver_sql("UPDATE audit_entries SET who = 'nadie' WHERE entry_id = 60")
    try:
        for days in (None, 1, 31):
            assert audit_log.chain_of(written, days=days).broken == (date(2026, 10, 2),)
        assert "no coincide" in texts(audit._chain(audit_log.chain_of(written)))
    finally:
        with written.records.begin() as connection:
            connection.exec_driver_sql("UPDATE audit_entries SET who = 'ana' WHERE entry_id = 60")
    assert audit_log.chain_of(written).broken == ()


@pytest.mark.parametrize("role", Role)
def test_the_audit_is_read_by_chief_and_quality_only(role: Role, house: House) -> None:
    """S45, over HTTP: the page, its entries, its chain, its file."""
    reads = role in (Role.CHIEF, Role.QUALITY)
    client = house.client(role)
    assert client.get("/auditoria", headers={"Accept": "text/html"}).status_code == (200 if reads else 403)
    bodies: list[dict[str, Any]] = [
        {
            "output": "..audit-content.children...audit-shown.data..",
            "outputs": [{"id": "audit-content", "property": "children"}, {"id": "audit-shown", "property": "data"}],
            "inputs": [{"id": "location", "property": "search", "value": ""}],
            "state": [{"id": "audit-shown", "property": "data", "value": None}],
            "changedPropIds": ["location.search"],
        },
        {
            "output": "audit-chain.children",
            "outputs": {"id": "audit-chain", "property": "children"},
            "inputs": [{"id": "audit-check", "property": "n_clicks", "value": 1}],
            "changedPropIds": ["audit-check.n_clicks"],
        },
        {
            "output": "audit-file.data",
            "outputs": {"id": "audit-file", "property": "data"},
            "inputs": [[{"id": {"part": "entries", "ending": "csv"}, "property": "n_clicks", "value": 1}]],
            "state": [{"id": "audit-shown", "property": "data", "value": {"search": "", "generation": None}}],
            "changedPropIds": ['{"ending":"csv","part":"entries"}.n_clicks'],
        },
    ]
    answers = [house.call(role, body) for body in bodies]
    assert [answer.status_code for answer in answers] == ([200] * 3 if reads else [403] * 3)
    if reads:
        file = changed(answers[2])["audit-file"]["data"]
        assert "sin permiso" in base64.b64decode(file["content"]).decode() or role is Role.CHIEF
        assert house.entries(Action.EXPORT)[-1].object == "auditoria.csv"
