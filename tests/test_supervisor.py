"""The processes of the system: whichever dies is back, none outlives its parent, and a store is opened once."""

import os
import re
import signal
import socket
import subprocess
import sys
import textwrap
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path

import psutil
import pytest
from pydantic import SecretStr

from dashboard.people.accounts import Role, find_account, is_password
from dashboard.serving import opening
from dashboard.serving.supervisor import AlreadyOpenError, delay_after, only_one
from dashboard.site.demo import PEOPLE, accounts_anew
from etl import pipeline
from etl import store as stores
from etl.records.engine import open_records, transaction
from etl.settings import Settings
from reports import terms
from tests.commands import BUSY, REFUSED, call, done, log_of
from tests.processes import System, free_port, is_gone, within
from tests.served import one_call

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="signals go to groups of processes, which are of Unix")
_BACK_SECONDS = 10.0
MISCONFIGURED = 78


# Small children, to see what the parent does with them

_WAITING = """
import os, signal, sys, time
from pathlib import Path
from dashboard.serving.supervisor import follow_parent
follow_parent()
name = sys.argv[1]
signal.signal(signal.SIGTERM, lambda *_: (Path(name + ".ended").touch(), os._exit(0)))
with open(name, "a") as file:
    file.write(f"{os.getpid()} {time.monotonic()}\\n")
while True:
    time.sleep(60)
"""
_DEAF = _WAITING.replace("signal.signal(signal.SIGTERM, lambda *_: (Path(name + \".ended\").touch(), os._exit(0)))",
                         "signal.signal(signal.SIGTERM, signal.SIG_IGN)")  # fmt: skip
_DYING = """
import sys, time
with open(sys.argv[1], "a") as file:
    file.write(f"0 {time.monotonic()}\\n")
sys.exit(int(sys.argv[2]))
"""
_PARENT = """
import sys
from dashboard.serving import supervisor
from dashboard.serving.supervisor import Child, keep_alive
supervisor.GOODBYE_SECONDS = 2.0
children = [Child(f"Hijo {n}", [sys.executable, "-P", "-c", *each.split("\\0")]) for n, each in enumerate(sys.argv[1:])]
sys.exit(keep_alive(children))
"""


class Family:
    """A parent with its children, each of which writes a line whenever it is started."""

    def __init__(self, folder: Path, *children: tuple[str, ...]) -> None:
        self.notes = [folder / f"child{number}" for number in range(len(children))]
        words = ["\0".join((code, str(note), *more)) for (code, *more), note in zip(children, self.notes, strict=True)]
        # An argument holds no NUL: what stands between the parts is written as such in the command.
        self.parent = subprocess.Popen(
            [
                sys.executable,
                "-c",
                _PARENT.replace('"\\0"', '"\\x1f"'),
                *(each.replace("\0", "\x1f") for each in words),
            ],
            stderr=subprocess.PIPE,
            text=True,
        )

    def started(self, number: int) -> list[tuple[int, float]]:
        """(pid, when) of each time a child was started."""
        if not self.notes[number].exists():
            return []
        lines = [line.split() for line in self.notes[number].read_text().splitlines()]
        return [(int(line[0]), float(line[1])) for line in lines if len(line) == 2]

    def is_up(self) -> bool:
        return within(20, lambda: all(self.started(number) for number in range(len(self.notes))))

    def pids(self) -> list[int]:
        return [self.started(number)[-1][0] for number in range(len(self.notes))]


@contextmanager
def family(folder: Path, *children: tuple[str, ...]) -> Iterator[Family]:
    found = Family(folder, *children)
    try:
        yield found
    finally:
        found.parent.kill()
        found.parent.communicate()


def test_a_child_that_is_killed_is_back_and_the_other_stays(tmp_path: Path) -> None:
    with family(tmp_path, (_WAITING,), (_WAITING,)) as group:
        assert group.is_up()
        killed, other = group.pids()
        begun = time.monotonic()
        os.kill(killed, signal.SIGKILL)
        assert within(_BACK_SECONDS, lambda: len(group.started(0)) == 2)
        assert time.monotonic() - begun < _BACK_SECONDS
        assert group.pids()[0] != killed and group.pids()[1] == other
        group.parent.send_signal(signal.SIGTERM)
        _, told = group.parent.communicate(timeout=10)
    assert "Hijo 0: terminó sin que se le pidiera (señal 9); se abre de nuevo de inmediato." in told


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_all_in_order(tmp_path: Path, how: signal.Signals) -> None:
    with family(tmp_path, (_WAITING,), (_WAITING,)) as group:
        assert group.is_up()
        pids = group.pids()
        group.parent.send_signal(how)
        assert group.parent.wait(10) == 0
        assert all(is_gone(pid) for pid in pids)
        assert all(Path(f"{note}.ended").exists() for note in group.notes)  # asked, not killed


def test_a_child_that_does_not_listen_is_killed_in_the_end(tmp_path: Path) -> None:
    with family(tmp_path, (_DEAF,)) as group:
        assert group.is_up()
        (pid,) = group.pids()
        begun = time.monotonic()
        group.parent.send_signal(signal.SIGTERM)
        assert group.parent.wait(10) == 0 and is_gone(pid)
        assert time.monotonic() - begun > 1.5


def test_no_child_outlives_a_parent_that_is_killed(tmp_path: Path) -> None:
    with family(tmp_path, (_WAITING,), (_WAITING,)) as group:
        assert group.is_up()
        pids = group.pids()
        group.parent.kill()
        assert within(5, lambda: all(is_gone(pid) for pid in pids))


def test_a_child_that_dies_at_once_waits_longer_each_time(tmp_path: Path) -> None:
    with family(tmp_path, (_DYING, "1"), (_WAITING,)) as group:
        assert within(30, lambda: len(group.started(0)) == 4)
        at = [when for _, when in group.started(0)]
        waits = [after - before for before, after in pairwise(at)]
        assert waits[1] > 0.9 and waits[2] > 1.9  # the first is started again at once
        assert len(group.started(1)) == 1


def test_the_delay_grows_and_is_bounded() -> None:
    assert [delay_after(deaths) for deaths in range(8)] == [0, 0, 1, 2, 4, 8, 16, 30]
    assert delay_after(1000) == 30
    assert [delay_after(deaths, killed=True) for deaths in (1, 2, 3, 1000)] == [0, 1, 1, 1]


def test_a_child_that_is_killed_again_and_again_is_back_soon_each_time(tmp_path: Path) -> None:
    with family(tmp_path, (_WAITING,)) as group:
        for number in range(1, 5):
            assert within(10, lambda number=number: len(group.started(0)) == number)
            os.kill(group.started(0)[-1][0], signal.SIGKILL)
        assert within(3, lambda: len(group.started(0)) == 5)


def test_a_child_set_up_wrongly_ends_everything_with_its_code(tmp_path: Path) -> None:
    with family(tmp_path, (_WAITING,), (_DYING, str(MISCONFIGURED))) as group:
        assert group.parent.wait(20) == MISCONFIGURED
        assert len(group.started(1)) == 1
        assert within(5, lambda: all(is_gone(pid) for pid, _ in group.started(0)))


def test_a_store_is_opened_once_and_free_again_after_its_holder_was_killed(tmp_path: Path) -> None:
    code = textwrap.dedent(f"""
        import os, signal
        from pathlib import Path
        from dashboard.serving.supervisor import only_one
        with only_one(Path({str(tmp_path)!r})):
            print("held", flush=True)
            signal.pause()
    """)
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout is not None and holder.stdout.readline() == "held\n"
        taken = rf"ya está abierto \(proceso {holder.pid}, desde "
        with pytest.raises(AlreadyOpenError, match=taken), only_one(tmp_path):
            pass
        holder.kill()
        holder.wait()
    with only_one(tmp_path):
        pass


# The system itself


@pytest.fixture(scope="module")
def founded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    data = tmp_path_factory.mktemp("system") / "site"
    done(data, "init", data, "--name", "localhost", "--yes")
    return data


@pytest.fixture(scope="module")
def system(founded: Path) -> Iterator[System]:
    opened = System(founded, free_port())
    try:
        assert within(60, opened.is_healthy), opened.said
        yield opened
    finally:
        opened.end()


def test_the_web_server_killed_is_back_and_whoever_asks_meanwhile_waits(system: System) -> None:
    killed = system.child("web")
    assert killed is not None
    os.kill(killed, signal.SIGKILL)
    assert system.is_healthy(), system.said  # one request, never refused
    again = system.child("web")
    assert again not in (None, killed)
    # What it took by itself: tests run beside each other on a machine that may be busy.
    times = psutil.Process(again).cpu_times()
    assert times.user + times.system < _BACK_SECONDS


def test_the_worker_killed_is_back(system: System) -> None:
    assert within(20, lambda: system.child("work"))
    killed = system.child("work")
    assert killed is not None
    os.kill(killed, signal.SIGKILL)
    assert within(_BACK_SECONDS, lambda: system.child("work") not in (None, killed))
    assert system.is_healthy(), system.said


def test_a_second_serve_of_the_same_store_is_refused(system: System) -> None:
    result = call(system.data, "serve", "--host", "127.0.0.1", "--port", "0")
    assert (result.exit_code, result.stdout) == (BUSY, "")
    assert f"ya está abierto (proceso {system.process.pid}, desde " in result.stderr
    assert system.is_healthy(), system.said


def test_one_port_is_open_and_no_other_way_in(system: System) -> None:
    ports, sockets = set(), []
    for pid in [system.process.pid, *system.pids()]:
        for connection in psutil.Process(pid).net_connections(kind="all"):
            if connection.status == psutil.CONN_LISTEN:
                ports.add((connection.laddr.ip, connection.laddr.port))
            elif connection.family == socket.AF_UNIX and connection.laddr:
                sockets.append(connection.laddr)
    assert ports == {("127.0.0.1", system.port)} and not sockets


def test_what_runs_is_closed_to_other_users(system: System) -> None:
    assert [path for path in system.data.rglob("*") if path.lstat().st_mode & 0o077] == []
    assert not system.data.stat().st_mode & 0o077


def test_the_system_ends_when_told_and_opens_again_after_it_was_killed(system: System) -> None:
    """Last of those that share the system."""
    pids = system.pids()
    system.end()  # the parent alone, as the machine does when memory is short
    again = System(system.data, system.port)  # as systemd would, at once
    try:
        assert within(60, lambda: again.child("web"))  # until then the one of before may still answer
        assert within(60, again.is_healthy), again.said
        assert within(10, lambda: all(is_gone(pid) for pid in pids))
        pids = again.pids()
        again.process.send_signal(signal.SIGTERM)
        assert again.process.wait(15) == 0, again.said
        assert f"El sistema está abierto en https://localhost:{system.port}/" in again.said
        assert all(is_gone(pid) for pid in pids)
    finally:
        again.end()


def test_the_demo_prints_an_account_for_each_role_that_opens_it(tmp_path: Path) -> None:
    settings = Settings(data=tmp_path / "demo")
    store = stores.open_store(settings, kind=stores.DEMO)
    pipeline.ingest(store, [log_of(tmp_path, *one_call("one", 0).lines)])
    store.records.dispose()
    (settings.data / "muestra.txt").write_text("2026-10\n")  # the whole sample takes longer, and is another test's
    port = free_port()
    demo = System(settings.data, port, "demo", "--until", "2026-10")
    try:
        assert within(60, demo.is_healthy), demo.said
        demo.process.send_signal(signal.SIGTERM)
        assert demo.process.wait(15) == 0, demo.said
    finally:
        demo.end()
    told = demo.said
    assert f"http://127.0.0.1:{port}/" in told and "DATOS DE MUESTRA" in told
    records = open_records(settings.database_url)
    with transaction(records) as session:
        for role, (name, _) in PEOPLE.items():
            account = find_account(session, name)
            shown = re.findall(rf"{re.escape(terms.ROLES[role])} +{name} +(\S+)", told)
            assert len(shown) == 1 and is_password(shown[0], account.password_hash)
            assert account.role == role and not account.must_change and not account.disabled
    records.dispose()


def test_the_accounts_of_a_demo_get_other_passwords_each_time(tmp_path: Path) -> None:
    store = stores.open_store(Settings(data=tmp_path / "demo"), kind=stores.DEMO)
    first, second = accounts_anew(store), accounts_anew(store)
    assert set(first) == set(second) == set(Role)
    assert not {password for _, password in first.values()} & {password for _, password in second.values()}
    with transaction(store.records) as session:
        for name, password in second.values():
            assert is_password(password, find_account(session, name).password_hash)
    store.records.dispose()


# What is refused before anything is opened


def test_a_site_without_accounts_is_not_opened(store: Path) -> None:
    result = call(store, "serve", "--port", "0")
    assert (result.exit_code, result.stdout) == (REFUSED, "")
    assert "callcenter init" in result.stderr and "callcenter user add" in result.stderr


def test_a_folder_without_a_store_is_not_opened_and_stays_as_it_is(tmp_path: Path) -> None:
    result = call(tmp_path / "none", "serve", "--port", "0")
    assert result.exit_code == REFUSED and "callcenter init" in result.stderr
    assert not (tmp_path / "none").exists()


@pytest.mark.parametrize(
    "value", ["changeme", "x" * 40, "0123456789abcdef" * 2, "abcdefghijklmnopqrstuvwxyz0123456789"]
)
def test_a_weak_secret_ends_with_78(founded: Path, value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CALLCENTER_SECRET", value)
    result = call(founded, "serve", "--port", "0")
    assert (result.exit_code, result.stdout) == (MISCONFIGURED, "")
    assert "clave secreta" in result.stderr and value not in result.stderr


def test_a_missing_secret_ends_with_78(tmp_path: Path) -> None:
    data = tmp_path / "site"
    done(data, "init", data, "--name", "localhost", "--yes")
    (data / "secret.key").unlink()
    result = call(data, "serve", "--port", "0")
    assert (result.exit_code, result.stdout) == (MISCONFIGURED, "")
    assert "Falta la clave secreta" in result.stderr and "callcenter init" in result.stderr


@pytest.mark.parametrize("name", ["DEBUG", "FLASK_DEBUG", "DASH_DEBUG"])
def test_a_debug_switch_is_refused_on_the_lan(founded: Path, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(name, "1")
    monkeypatch.setenv("CALLCENTER_SECRET", "x")  # stops what is allowed a step later, before it is opened
    result = call(founded, "serve", "--host", "0.0.0.0", "--port", "0")
    assert (result.exit_code, result.stdout) == (MISCONFIGURED, "")
    assert f"La variable {name} está encendida" in result.stderr
    assert name not in call(founded, "serve", "--host", "127.0.0.1", "--port", "0").stderr
    monkeypatch.setenv(name, "false")
    assert name not in call(founded, "serve", "--host", "0.0.0.0", "--port", "0").stderr


def test_an_expired_or_foreign_certificate_ends_with_78(founded: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CALLCENTER_CERTIFICATE", str(founded / "tls" / "server.pem"))
    monkeypatch.setenv("CALLCENTER_CERTIFICATE_KEY", str(founded / "tls" / "authority.key"))
    result = call(founded, "serve", "--port", "0")
    assert result.exit_code == MISCONFIGURED and "no corresponde" in result.stderr


def test_a_site_on_the_lan_needs_the_names_it_is_opened_with(founded: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CALLCENTER_HOSTS", "")
    result = call(founded, "serve", "--host", "0.0.0.0", "--port", "0")
    assert result.exit_code == MISCONFIGURED and "CALLCENTER_HOSTS" in result.stderr


def test_settings_that_are_not_understood_are_named(founded: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CALLCENTER_PORT", "ocho mil")
    result = call(founded, "serve")
    assert result.exit_code == MISCONFIGURED and "CALLCENTER_PORT" in result.stderr


def test_a_port_in_use_is_told(founded: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(opening, "_PORT_PATIENCE_SECONDS", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        result = call(founded, "serve", "--host", "127.0.0.1", "--port", str(taken.getsockname()[1]))
    assert result.exit_code == REFUSED and "No se puede abrir el puerto" in result.stderr


def test_settings_show_no_secret() -> None:
    secret, other = SecretStr("a secret of many words"), SecretStr("another")
    shown = repr(Settings(secret=secret, oidc_client_secret=other, records_url="pg://u:pw@h/d"))
    assert "many words" not in shown and "another" not in shown and "pw" not in shown
