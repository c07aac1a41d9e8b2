"""Named points at which a test may stop the process dead, to show that nothing half-done is ever in service."""

import os
import signal

#: The variable of the environment that names one.
VARIABLE = "CALLCENTER_FAULT"
#: In the order a load passes them. Each is a state that a power cut could leave behind.
FAULT_POINTS = (
    "landing",
    "load",
    "checks",
    "checkpoint",
    "before_rename",
    "after_rename",
    "before_current",
    "after_current",
    "before_manifest",
)


def reach(point: str) -> None:
    """Pass a fault point; kill this process if CALLCENTER_FAULT names it.

    ``CALLCENTER_FAULT=name`` kills at the first passage, ``name:3`` at the third (a point may be passed once for each
    segment). Raises ValueError for a point that is not declared.
    """
    if point not in FAULT_POINTS:
        raise ValueError(point)
    wanted, _, passage = os.environ.get(VARIABLE, "").partition(":")
    if wanted != point:
        return
    _passages[point] = _passages.get(point, 0) + 1
    if _passages[point] >= int(passage or 1):
        os.kill(os.getpid(), getattr(signal, "SIGKILL", signal.SIGTERM))


_passages: dict[str, int] = {}
