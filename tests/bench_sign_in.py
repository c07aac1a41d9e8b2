"""Forty people sign in at once, over TLS or not, against the real server process: python -m tests.bench_sign_in.

Printed: seconds until all are in, the 95th percentile of one sign-in, how much memory the server took for it, beside
the same forty hashes one after another without any server.
"""

import http.client
import re
import statistics
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from urllib.parse import urlencode, urlsplit

import psutil

from dashboard.people.accounts import Role, add_account, hash_password, is_password
from etl import store as stores
from etl.records.audit import SYSTEM
from etl.records.engine import transaction
from etl.settings import Settings

PEOPLE = 40
PASSWORD = "cuarenta a la vez por la puerta"
SERVER = """
import sys
from pathlib import Path
from dashboard.app import create_app
from dashboard.context import Context
from dashboard.serving.server import serve
from etl.settings import Settings
from tests.people import DOOR
serve(create_app(Context(Settings(data=Path(sys.argv[1]))), DOOR), port=0)
"""


def sign_in(address: str, name: str) -> float:
    """Open the form, send it, open the page behind it; return the seconds the sign-in itself took."""
    where = urlsplit(address)
    with closing(http.client.HTTPConnection(where.hostname or "", where.port, timeout=60)) as connection:
        connection.request("GET", "/login")
        answer = connection.getresponse()
        found = re.search(r'name="csrf_token" value="([^"]+)"', answer.read().decode())
        assert found
        cookies = "; ".join(each.partition(";")[0] for each in answer.headers.get_all("Set-Cookie") or [])
        form = urlencode({"csrf_token": found[1], "name": name, "password": PASSWORD})
        headers = {"Content-Type": "application/x-www-form-urlencoded", "Cookie": cookies}
        started = time.perf_counter()
        connection.request("POST", "/login", form, headers)
        answer = connection.getresponse()
        answer.read()
        seconds = time.perf_counter() - started
        if answer.status != 302 or answer.headers["Location"] != "/":
            raise RuntimeError(f"{name}: {answer.status}")
        return seconds


def measure_sign_in() -> None:
    """Print what forty sign-ins at once take."""
    with tempfile.TemporaryDirectory(prefix="callcenter-bench-") as folder:
        data = Path(folder) / "data"
        store = stores.open_store(Settings(data=data))
        hashed = hash_password(PASSWORD)
        with transaction(store.records) as session:
            for number in range(PEOPLE):
                account = add_account(
                    session, SYSTEM, f"op{number:02}", f"Operadora {number}", Role.OPERATOR, None, must_change=False
                )
                account.password_hash = hashed
        store.records.dispose()
        started = time.perf_counter()
        assert all(is_password(PASSWORD, hashed) for _ in range(PEOPLE))
        bare = time.perf_counter() - started
        with subprocess.Popen(
            [sys.executable, "-c", SERVER, str(data)], stdout=subprocess.PIPE, text=True
        ) as server:  # fmt: skip
            try:
                assert server.stdout is not None
                found = re.search(r"http://\S+", server.stdout.readline())
                assert found
                before = psutil.Process(server.pid).memory_info().rss
                peak = before
                with ThreadPoolExecutor(PEOPLE) as people:
                    started = time.perf_counter()
                    waiting = [people.submit(sign_in, found[0], f"op{number:02}") for number in range(PEOPLE)]
                    while not all(each.done() for each in waiting):
                        peak = max(peak, psutil.Process(server.pid).memory_info().rss)
                        time.sleep(0.01)
                    taken = time.perf_counter() - started
                each_took = [future.result() for future in waiting]
            finally:
                server.kill()
        print(
            f"{PEOPLE} people sign in at once: {taken:.2f} s for all (asked: 10), p95 of one "
            f"{statistics.quantiles(each_took, n=20)[-1]:.2f} s (aim 1.5), "
            f"{(peak - before) / 1e6:.0f} MB more (at most 300); "
            f"their hashes alone, one after another: {bare:.2f} s; {taken / bare:.2f} times that",
            flush=True,
        )


if __name__ == "__main__":
    measure_sign_in()
