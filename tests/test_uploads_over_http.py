"""Awful files sent to a server in a process of its own: each refused with its reason, the process as before."""

import base64
import json
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import pytest
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from dashboard.app import create_app
from dashboard.context import Context
from dashboard.people.accounts import Role
from etl.records.models import Upload
from etl.settings import Settings
from tests.bench_sign_in import SERVER
from tests.callbacks import body_of
from tests.crafted_files import X
from tests.people import DOOR
from tests.plain_browser import Answer, Browser, somebody
from tests.product import Product
from tests.served import Served, one_call

MB = 1024 * 1024


@dataclass
class Desk:
    """A server process, and somebody who sends files to it."""

    process: psutil.Process
    browser: Browser
    context: Context
    body: dict[str, Any]

    def send(self, name: str, content: bytes | str) -> Answer:
        url = content if isinstance(content, str) else f"data:image/png;base64,{base64.b64encode(content).decode()}"
        body = {
            **self.body,
            "inputs": [{"id": "upload-file", "property": "contents", "value": url}],
            "state": [
                {"id": "upload-file", "property": "filename", "value": name},
                *({"id": f"upload-{said}", "property": "value", "value": ""} for said in ("first", "last", "queue")),
            ],
        }
        return self.browser.call(body)

    def uploads(self) -> int:
        with Session(self.context.records) as session:
            return session.scalar(select(func.count()).select_from(Upload)) or 0


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    product = Product(tmp_path_factory.mktemp("desk"))
    product.load(one_call("one", 0))
    data: Path = product.settings().data
    context = Context(Settings(data=data))
    with subprocess.Popen([sys.executable, "-c", SERVER, str(data)], stdout=subprocess.PIPE, text=True) as server:
        try:
            assert server.stdout is not None
            found = re.search(r"http://[^/]+", server.stdout.readline())
            assert found
            address = Served(found[0])
            address.context = context
            body = body_of(create_app(context, DOOR), "uploads-answer.children", {})
            yield Desk(psutil.Process(server.pid), somebody(address, Role.SUPERVISOR), context, body)
        finally:
            server.kill()
            context.close()


def test_every_awful_file_is_refused_with_its_reason_and_harms_nobody(desk: Desk) -> None:
    """X01 to X13, U06: named as what they are not, by their bytes alone."""
    started, threads = desk.process.create_time(), desk.process.num_threads()
    stored = 0
    for number, (name, (make, reason)) in enumerate(X.items()):
        if number % 20 == 0:  # fifty a day of one person
            desk.browser = somebody(desk.browser.address, list(Role)[1 if number < 20 else 3])
        answer = desk.send(f"{name}.xlsx", make())
        said = json.dumps(json.loads(answer.text), ensure_ascii=False)
        assert answer.status == 422 and reason in said, f"{name}: {answer.status} {said}"
        stored += 1
    assert desk.process.is_running() and desk.process.create_time() == started
    assert desk.process.num_threads() <= threads + 20
    assert desk.browser.send("GET", "/healthz").text == "ok\n"
    assert desk.uploads() == stored
    assert not [path for path in (desk.context.settings.data / "uploads").rglob("*") if path.is_file()]


@pytest.mark.parametrize(
    "url",
    ["", "data:text/plain,abc", "data:;base64,@@@@", "data:;base64,abc", "no url"],
)
def test_what_is_no_file_is_refused(url: str, desk: Desk) -> None:
    """U02."""
    before = desk.uploads()
    answer = desk.send("a.log", url)
    assert answer.status in (200, 204, 400, 422) and desk.uploads() == before
    assert "Traceback" not in answer.text


def test_a_file_above_the_limit_is_refused_before_it_is_decoded(desk: Desk) -> None:
    """U03: 21 MB, 28 MB as Dash sends it; the server does not grow by it."""
    before = desk.process.memory_info().rss
    answer = desk.send("large.log", bytes(21 * MB))
    assert answer.status == 413
    assert (desk.process.memory_info().rss - before) / MB < 60


@pytest.mark.parametrize(
    "name", ["../../x.log", "CON", "x" * 300, "a\r\nSet-Cookie: sid=1", "<img src=x onerror=1>.log"]
)
def test_a_name_is_only_ever_shown(name: str, desk: Desk) -> None:
    """U01, S32."""
    answer = desk.send(name, f"not a log {name}".encode())
    assert answer.status == 422 and "Set-Cookie" not in answer.headers
    assert not list(desk.context.settings.data.parent.rglob("x.log"))
