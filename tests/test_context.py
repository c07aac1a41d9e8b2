"""What pages read from: the generation in service while loads are published, and the rules in force."""

from concurrent.futures import ThreadPoolExecutor
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import update

from dashboard.context import Context
from etl import store as stores
from etl.records.engine import transaction
from etl.records.models import Parameter as ParameterRecord
from etl.records.site import ParameterRule, reference_parameters
from etl.settings import Settings
from etl.warehouse import WarehouseError
from reports.rules import DEFAULTS, Rules, RulesError
from tests.product import Product
from tests.served import one_call


def registered(store: Context) -> int:
    with store.reading() as (_, cursor):
        row = cursor.execute("SELECT COUNT(*) FROM core.line_calls WHERE registered").fetchone()
        assert row is not None
        return int(row[0])


def test_a_new_generation_is_read_as_soon_as_it_is_in_service(product: Product, store_context: Context) -> None:
    assert registered(store_context) == 1
    product.load(one_call("two", 1))
    assert registered(store_context) == 2


def test_who_reads_goes_on_reading_the_generation_they_began_with(product: Product, store_context: Context) -> None:
    with store_context.reading() as (before, cursor):
        product.load(one_call("two", 1))
        assert registered(store_context) == 2
        assert cursor.execute("SELECT COUNT(*) FROM core.line_calls").fetchone() == (1,)
        with store_context.reading() as (after, _):
            assert after.number > before.number


def test_at_most_two_generations_are_open_and_the_old_one_closes_with_its_last_reader(
    product: Product, store_context: Context
) -> None:
    opened: list[Any] = []
    with store_context.reading():
        opened.append(store_context._current)
        product.load(one_call("two", 1))
        with store_context.reading():
            opened.append(store_context._current)
        product.load(one_call("three", 2))
        assert registered(store_context) == 2, "while the first is read, the second serves and no third is opened"
        assert store_context._retired is opened[0]
    assert store_context._retired is None
    with pytest.raises(Exception, match=r"[Cc]onnection"):
        opened[0].connection.execute("SELECT 1")
    assert registered(store_context) == 3


def test_segments_that_are_gone_do_not_disturb_a_reader(product: Product, store_context: Context) -> None:
    assert registered(store_context) == 1
    old = set(product.settings().warehouse.glob("calls-*.duckdb"))
    product.load(one_call("two", 1))
    for path in old:
        path.unlink()
    assert registered(store_context) == 2


def test_many_threads_read_while_loads_are_published(product: Product, store_context: Context) -> None:
    def read(_: int) -> list[int]:
        return [registered(store_context) for _ in range(20)]

    with ThreadPoolExecutor(6) as pool:
        running = [pool.submit(read, number) for number in range(6)]
        for number in range(1, 4):
            product.load(one_call(f"more{number}", number))
        for each in running:
            counts = each.result()
            assert counts == sorted(counts)
    assert registered(store_context) == 4
    assert store_context._retired is None


def test_an_empty_store_says_what_to_do(empty_context: Context) -> None:
    assert empty_context.is_empty and empty_context.kind is None and empty_context.rules() == Rules.default()
    with pytest.raises(WarehouseError, match="callcenter ingest"), empty_context.reading():
        pass


def test_a_store_knows_what_it_is_and_its_lines(store_context: Context, tmp_path: Path) -> None:
    assert store_context.kind == stores.SITE and not store_context.is_demo and len(store_context.lines) == 12
    demo = Settings(data=tmp_path / "demo")
    stores.open_store(demo, kind=stores.DEMO).records.dispose()
    assert Context(demo).is_demo


# The rules in force


def test_the_reference_parameters_say_what_the_rules_default_to() -> None:
    found = {item.name: (item.value, item.option) for item in Rules.from_rows(reference_parameters()).parameters}
    assert found == {item.name: (item.value, item.option) for item in DEFAULTS}


def test_a_parameter_the_site_changes_is_in_force_at_once(product: Product, store_context: Context) -> None:
    assert store_context.rules().value("target", date(2026, 10, 1)) == Decimal("0.80")
    with transaction(product.store().records) as session:
        session.execute(update(ParameterRecord).where(ParameterRecord.name == "target").values(value="0.85"))
    assert store_context.rules().value("target", date(2026, 10, 1)) == Decimal("0.85")


@pytest.mark.parametrize(
    ("name", "value", "says"),
    [
        ("target", "ochenta", "«ochenta» no es un valor de target"),
        ("threshold_seconds", "20,5", "«20,5» no es un valor de threshold_seconds"),
        ("target", "80", "La meta debe ser un decimal"),
        ("counted_lines", "", "conjunto de números de línea"),
        ("colour", "1", "No existe el parámetro «colour»"),
    ],
)
def test_a_parameter_that_cannot_be_read_is_named(name: str, value: str, says: str) -> None:
    with pytest.raises(RulesError, match=says):
        Rules.from_rows([ParameterRule(name, value, None, None, "")])
