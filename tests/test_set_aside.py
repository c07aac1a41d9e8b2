"""The text of a line set aside is forgotten ninety days after its load; the line stays counted, with its reason."""

from collections.abc import Callable
from pathlib import Path

import pytest

from dashboard.console import set_aside_text
from etl import pipeline
from etl.records.audit import Action
from etl.records.engine import transaction
from etl.records.models import AuditEntry
from etl.warehouse import read_current
from tests.drawn_log import GOOD, answered, ingest, log, write
from tests.product import Product, let_days_pass

pytestmark = pytest.mark.duckdb
WORD = "Apellidoinventado"
BAD = f"170970000x|1.1|101|NONE|{WORD}|"


@pytest.fixture
def after(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], None]:
    """Let so many days have passed."""

    def pass_days(days: int) -> None:
        let_days_pass(monkeypatch, days)

    return pass_days


@pytest.fixture
def product(tmp_path: Path) -> Product:
    product = Product(tmp_path)
    ingest(product, write(product, "queue_log.1", log(*GOOD, BAD)))
    return product


def texts(product: Product) -> list[tuple[object, ...]]:
    return product.rows("SELECT load, line, reasons, text FROM meta.quarantine ORDER BY load, line")


def is_in_service(product: Product, word: str) -> bool:
    current = read_current(product.settings().warehouse)
    assert current is not None
    files = [product.settings().warehouse / segment.file for segment in current.segments]
    return any(word.encode() in path.read_bytes() for path in files)


def test_text_is_forgotten_on_the_ninetieth_day_and_not_before(product: Product, after: Callable[[int], None]) -> None:
    assert is_in_service(product, WORD)
    after(89)
    assert not pipeline.texts_are_due(product.store())
    after(90)
    assert pipeline.texts_are_due(product.store())
    counted = product.counted()
    pipeline.forget_texts(product.store())
    assert texts(product) == [(1, 4, "epoch", None)]
    assert not is_in_service(product, WORD), "a free block of a segment still holds it"
    assert product.counted() == counted
    assert not pipeline.texts_are_due(product.store())
    with product.open() as connection:
        shown = set_aside_text(connection, source=None, load=None)
    assert "línea 4" in shown
    assert "texto borrado" in shown
    with transaction(product.store().records) as session:
        assert session.query(AuditEntry).filter_by(action=Action.LOAD, object="lines set aside").count() == 1


def test_nothing_is_published_where_nothing_is_due(product: Product, after: Callable[[int], None]) -> None:
    before = read_current(product.settings().warehouse)
    after(30)
    pipeline.forget_texts(product.store())
    assert read_current(product.settings().warehouse) == before


def test_a_load_of_today_forgets_the_text_of_the_old_and_keeps_its_own(
    product: Product, after: Callable[[int], None]
) -> None:
    after(91)
    ingest(product, write(product, "queue_log", log(*answered(300, "2"), BAD.replace(WORD, "Deahora"))))
    assert [row[3] is None for row in texts(product)] == [True, False]
    assert not is_in_service(product, WORD)


def test_a_rebuild_does_not_bring_the_text_back(product: Product, after: Callable[[int], None]) -> None:
    after(91)
    pipeline.rebuild(product.store())
    assert texts(product) == [(1, 4, "epoch", None)]
    assert not is_in_service(product, WORD)
