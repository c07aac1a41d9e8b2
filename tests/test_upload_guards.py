"""What people send is judged by its bytes, and refused with a reason in Spanish."""

import gzip
import random
import tracemalloc

import pytest
from sqlalchemy import func, select

from etl import store as stores
from etl.readers.sniff import header_of, sniff
from etl.readers.workbook_guard import judge_zip
from etl.records.audit import Action
from etl.records.engine import transaction
from etl.records.models import AuditEntry, Job
from tests.crafted_files import X, bomb, workbook
from tests.sending import MB, refusal, row, waiting
from tests.sending import settings as settings
from tests.sending import store as store


@pytest.mark.parametrize("name", X)
def test_what_is_no_log_is_refused_with_its_reason_and_nothing_of_it_is_kept(
    name: str, store: stores.OpenStore
) -> None:
    make, why = X[name]
    status, message = refusal(store, make())
    assert (status, why in message) == (422, True), message
    assert message.startswith("«libro.xlsx» no se acepta: ")
    assert "70712345" not in message
    assert waiting(store.settings) == []
    upload = row(store, 1)
    assert (upload.state, upload.verdict) == ("refused", {"refused": message.partition("acepta: ")[2]})
    with transaction(store.records) as session:
        entry = session.scalar(select(AuditEntry).where(AuditEntry.action == Action.UPLOAD))
        assert entry is not None
        assert (entry.who, entry.address, entry.object, entry.result) == (
            "cuenta.chief", "10.0.0.7", "upload 1", "refused",
        )  # fmt: skip
        assert session.scalar(select(func.count()).select_from(Job)) == 0


def test_a_bomb_is_refused_without_being_unpacked() -> None:
    content = bomb(280)
    tracemalloc.start()
    try:
        assert judge_zip(content).problem
        assert tracemalloc.get_traced_memory()[1] < 5 * MB
    finally:
        tracemalloc.stop()


def test_no_change_of_a_workbook_makes_the_guard_fail_otherwise_than_by_saying_so() -> None:
    chance = random.Random(9)
    honest = workbook(**{"xl__a.xml": "<a>" + chance.randbytes(400).hex() + "</a>"})
    for _ in range(2000):
        content = bytearray(honest)
        for _ in range(chance.choice([1, 1, 2, 8])):
            content[chance.randrange(len(content))] = chance.randrange(256)
        cut = bytes(content[: chance.randrange(len(content))] if chance.random() < 0.2 else content)
        assert isinstance(sniff(cut).what, str)


def test_a_header_is_quoted_only_where_it_holds_nobodys_data() -> None:
    assert header_of(b"Fecha\tCola\n1\t2\n") == "un texto separado por tabulador con las columnas Fecha, Cola"
    assert header_of(b"Ana Canario;Rosa del Valle;nombre de nadie\n") == "un texto separado por punto y coma"
    assert header_of(b"70712345;Ana Perez\n") == "un texto separado por punto y coma"
    assert header_of(b"a;" + b"b" * 200) == "un texto separado por punto y coma"
    assert header_of(b"hola\n") == "un texto sin columnas"
    assert header_of(b"\x00\x01\x02;\n") == "datos que no son texto"
    assert header_of(gzip.compress(b"a,b\n")) == "un texto separado por coma"
