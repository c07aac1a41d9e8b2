"""The app over HTTP as browser tests and pictures meet it, and the sample store they look at."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Thread

from werkzeug.serving import make_server

from dashboard.app import create_app
from dashboard.context import Context
from etl import pipeline
from etl.records import site as sites
from etl.records.engine import transaction
from etl.settings import Settings
from etl.simulation.sample import write_sample


def load_sample(folder: Path, *, until: str = "2026-10", months: int = 1, kind: str = pipeline.SITE) -> Settings:
    """Write the sample, map its queues and persons, load it; return the settings of the store."""
    sample = write_sample(folder / "in", until=until, months=months)
    settings = Settings(data=folder / "data")
    store = pipeline.open_store(settings, kind=kind)
    with transaction(store.records) as session:
        lines = sites.read_site(session).lines
        sites.replace_queues(session, sites.queue_rules(sample.queue_rules_csv, lines))
        sites.replace_persons(session, sites.person_rules(sample.agent_rules_csv))
    pipeline.ingest(store, sample.files)
    store.records.dispose()
    return settings


@contextmanager
def served(settings: Settings) -> Iterator[str]:
    """Serve a store on a free port of 127.0.0.1 and give its address, without a slash at the end."""
    context = Context(settings)
    server = make_server("127.0.0.1", 0, create_app(context).server, threaded=True)
    thread = Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
        context.close()
