"""What the worker does, done here: the jobs that wait, one after another, in this process."""

from dashboard.context import Context
from dashboard.work import works
from etl import store as stores
from etl.lines import no_progress
from etl.records import jobs
from etl.store import now


def work_off(context: Context) -> list[str]:
    """Do every job that waits; return how each ended."""
    store = stores.open_store(context.settings, kind=context.kind or stores.SITE)
    ended = []
    try:
        while (job := jobs.claim(store.records, now())) is not None:
            works.do(store, job, no_progress)
            with context.records.connect() as connection:
                found = connection.exec_driver_sql(f"SELECT state FROM jobs WHERE job_id = {job.job_id}").scalar_one()
            ended.append(str(found))
    finally:
        store.records.dispose()
    return ended
