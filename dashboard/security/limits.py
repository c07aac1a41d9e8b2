"""How often: wrong passwords, exports, uploads. Counted in this one process, forgotten when it starts again.

In: what is counted and for whom. Out: the seconds to wait, or nothing.
"""

from __future__ import annotations

import math
import time
from dataclasses import dataclass, field

from limits import RateLimitItem, parse
from limits.storage import MemoryStorage
from limits.strategies import MovingWindowRateLimiter


@dataclass
class Limits:
    """The counters of one server."""

    wrong_passwords: RateLimitItem = field(default_factory=lambda: parse("5 per 15 minute"))
    wrong_from_address: RateLimitItem = field(default_factory=lambda: parse("500 per 15 minute"))
    exports: RateLimitItem = field(default_factory=lambda: parse("30 per minute"))
    _window: MovingWindowRateLimiter = field(default_factory=lambda: MovingWindowRateLimiter(MemoryStorage()))

    def hit(self, item: RateLimitItem, *whose: str) -> int:
        """Count one; return the seconds to wait where that was one too many, else 0."""
        return 0 if self._window.hit(item, *whose) else self._wait(item, *whose)

    def wait(self, item: RateLimitItem, *whose: str) -> int:
        """Return the seconds to wait before another, without counting one."""
        return 0 if self._window.test(item, *whose) else self._wait(item, *whose)

    def forget(self, item: RateLimitItem, *whose: str) -> None:
        """Begin to count anew."""
        self._window.clear(item, *whose)

    def _wait(self, item: RateLimitItem, *whose: str) -> int:
        reset = self._window.get_window_stats(item, *whose).reset_time
        return max(1, math.ceil(reset - time.time()))
