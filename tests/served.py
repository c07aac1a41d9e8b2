"""The app as tests and pictures meet it: over HTTP, or its pages as components; and what its stores hold."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Event, Thread
from typing import Any

from dash.development.base_component import Component

from dashboard.app import create_app
from dashboard.context import Context
from dashboard.people.accounts import Role
from dashboard.serving.server import listen, web_server
from etl import pipeline
from etl import store as stores
from etl.records import site as sites
from etl.records.engine import transaction
from etl.settings import Settings
from etl.simulation.sample import write_sample
from tests.people import DOOR, token_of
from tests.reference_counter import LogFile

DAY_ONE = 1793448000  # 2026-10-31 08:00:00 in La Paz


def one_call(name: str, number: int) -> LogFile:
    """One call to line 101, answered after 5 s, `number` minutes after eight."""
    at = DAY_ONE + 60 * number
    events = (f"{at}|{at}.1|101|NONE|ENTERQUEUE||70{number:06}|1", f"{at + 5}|{at}.1|101|SIP/201|CONNECT|5|{at}.2|3")
    return LogFile(name, (*events, f"{at + 35}|{at}.1|101|SIP/201|COMPLETECALLER|5|30|1"))


def load_sample(folder: Path, *, until: str = "2026-10", months: int = 1, kind: str = stores.SITE) -> Settings:
    """Write the sample, map its queues and persons, load it; return the settings of the store."""
    sample = write_sample(folder / "in", until=until, months=months)
    settings = Settings(data=folder / "data")
    store = stores.open_store(settings, kind=kind)
    with transaction(store.records) as session:
        lines = sites.read_site(session).lines
        sites.replace_queues(session, sites.queue_rules(sample.queue_rules_csv, lines))
        sites.replace_persons(session, sites.person_rules(sample.agent_rules_csv))
    pipeline.ingest(store, sample.files)
    store.records.dispose()
    return settings


class Served(str):
    """The address of a served store, without a slash at the end, and the cookies of whoever signed in there."""

    context: Context

    def cookie(self, role: Role = Role.CHIEF) -> dict[str, str]:
        """The cookie of somebody of a role, as Playwright takes it."""
        return {"name": DOOR.cookie, "value": token_of(self.context, role), "url": self}


@contextmanager
def served(settings: Settings) -> Iterator[Served]:
    """Serve a store on a free port of 127.0.0.1 and give its address."""
    context = Context(settings)
    listening = listen("127.0.0.1", 0)
    opened = Event()
    server = web_server(create_app(context, DOOR).server, listening, opened=opened.set)
    thread = Thread(target=server.run)
    thread.start()
    try:
        assert opened.wait(60)
        address = Served(f"http://127.0.0.1:{listening.getsockname()[1]}")
        address.context = context
        yield address
    finally:
        server.should_exit = True
        thread.join()
        listening.close()
        context.close()


def texts(component: Any) -> str:
    """Every text of a component tree, in reading order, with one space between."""
    if isinstance(component, str):
        return component
    if isinstance(component, list | tuple):
        return " ".join(filter(None, (texts(each).strip() for each in component)))
    return texts(getattr(component, "children", None)) if isinstance(component, Component) else ""


def find(component: Any, wanted: Callable[[Any], bool]) -> Any:
    """The first component of a tree that is wanted."""
    for each in [component] if isinstance(component, Component) else []:
        if wanted(each):
            return each
        return find(getattr(each, "children", None), wanted)
    for each in component if isinstance(component, list | tuple) else []:
        if (found := find(each, wanted)) is not None:
            return found
    return None
