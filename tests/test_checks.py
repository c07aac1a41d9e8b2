"""Every check of a build finds what it is there for; a build that fails one publishes nothing and stops nobody."""

from pathlib import Path

import pytest

from etl import pipeline
from etl.build import Build, CheckError, checks
from etl.draft import Month
from etl.records.engine import transaction
from etl.records.models import Load
from tests.product import Product
from tests.reference_counter import LogFile

pytestmark = pytest.mark.duckdb
T = 1709640000

#: What a faulty build would leave in a month, by the check that must find it.
FAULTS = {
    "cada ingreso a cola está en el mes de su entrada": "UPDATE {}.core.queue_visits SET entered_epoch = 0",
    "cada llamada está en el mes de su entrada": "UPDATE {}.core.chained_calls SET entered_epoch = 0",
    "ingresos a cola: registradas = atendidas + abandonadas por causa": "UPDATE {}.core.queue_visits SET cause = NULL",
    "llamadas: registradas = atendidas + abandonadas por causa": "UPDATE {}.core.chained_calls SET cause = 'timeout'",
    "ningún ingreso a cola está dos veces": (
        "INSERT INTO {0}.core.queue_visits SELECT * FROM {0}.core.queue_visits WHERE NOT alone"
    ),
    "ninguna duración es negativa": "UPDATE {}.core.queue_visits SET talk_seconds = -1 WHERE answered",
    "cada línea de entrada abre un ingreso a cola": "DELETE FROM {}.core.queue_visits WHERE alone",
    "las cuentas por espera suman los ingresos a cola y las llamadas": "UPDATE {}.core.counts SET calls = calls + 1",
    "las cuentas por media hora suman las cuentas por espera": "DELETE FROM {}.core.half_hours",
    "cada sesión y cada pausa está en el mes de su inicio": (
        "INSERT INTO {}.core.agent_spans (began_epoch) VALUES (0)"
    ),
    "nadie está más de media hora en una media hora": "UPDATE {}.core.agent_half_hours SET with_activity = 2",
}
CALLS = (
    (0, "1.1|101|NONE|ENTERQUEUE||71|1"),
    (9, "1.1|101|NONE|ABANDON|1|1|9"),
    # Overflows from one line to the next, where it is answered.
    (20, "2.1|102|NONE|ENTERQUEUE||72|1"),
    (50, "2.1|102|NONE|EXITWITHTIMEOUT|1|1|30"),
    (51, "2.1|103|NONE|ENTERQUEUE||72|1"),
    (55, "2.1|103|SIP/1|CONNECT|4|3.1|2"),
    (95, "2.1|103|SIP/1|COMPLETECALLER|4|40|1"),
)


def some_calls(number: int) -> LogFile:
    start = T + 3600 * number
    return LogFile(f"{number}", tuple(f"{start + at}|{number}{line}" for at, line in CALLS))


@pytest.fixture
def product(tmp_path: Path) -> Product:
    made = Product(tmp_path)
    made.load(some_calls(0))
    return made


def break_builds(monkeypatch: pytest.MonkeyPatch, sql: str) -> None:
    count = Build._count

    def count_and_break(build: Build, month: Month) -> None:
        count(build, month)
        build.draft.run(sql.format(month.alias))

    monkeypatch.setattr(Build, "_count", count_and_break)


def test_every_check_has_its_fault_here() -> None:
    assert [name for _, name, _ in checks()] == list(FAULTS)


@pytest.mark.parametrize("name", FAULTS)
def test_a_check_finds_its_fault_and_nothing_is_published(
    name: str, product: Product, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = product.counted()
    break_builds(monkeypatch, FAULTS[name])
    with pytest.raises(CheckError, match=f"«{name.replace('+', '.')}» falló en 2024-03 .*quedan rechazados"):
        product.load(some_calls(1))
    assert product.counted() == before


def test_a_check_that_fails_stops_no_later_load(product: Product, monkeypatch: pytest.MonkeyPatch) -> None:
    break_builds(monkeypatch, FAULTS["ninguna duración es negativa"])
    with pytest.raises(CheckError):
        product.load(some_calls(1))
    monkeypatch.undo()
    with transaction(product.store().records) as session:
        found = [(load.state, load.refusal or "") for load in session.query(Load)]
    assert [state for state, _ in found] == ["published", "refused"]
    assert "ninguna duración es negativa" in found[1][1]
    visits = len(product.visits())
    assert [report.state for report in product.load(some_calls(2), some_calls(1))] == ["published", "published"]
    assert len(product.visits()) == 3 * visits


def test_a_rebuild_that_fails_a_check_refuses_nothing(product: Product, monkeypatch: pytest.MonkeyPatch) -> None:
    before = product.counted()
    break_builds(monkeypatch, FAULTS["ninguna duración es negativa"])
    with pytest.raises(CheckError, match="siguen en servicio"):
        pipeline.rebuild(product.store())
    monkeypatch.undo()
    assert product.counted() == before
    assert pipeline.rebuild(product.store()) is not None
    assert product.counted() == before
