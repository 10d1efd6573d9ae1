"""The guard of signals: the first waits for a safe point, the second is the system's, and what was there comes back."""

from __future__ import annotations

import os
import signal
import threading
from typing import Any

import pytest

from alrun.core.errors import Interrupted
from alrun.driver.guards.signals import HANDLED, SignalGuard


@pytest.mark.parametrize("number", HANDLED)
def test_the_first_signal_waits_for_a_safe_point_and_the_next_one_does_not(number: signal.Signals) -> None:
    before = {each: signal.getsignal(each) for each in HANDLED}
    with SignalGuard() as guard:
        guard.check()
        os.kill(os.getpid(), number)
        for _ in range(2):
            with pytest.raises(Interrupted) as caught:
                guard.check()
            assert caught.value.signum == number
        assert [signal.getsignal(each) for each in HANDLED] == [signal.SIG_DFL] * len(HANDLED)
    assert {each: signal.getsignal(each) for each in HANDLED} == before


def test_outside_the_main_thread_nothing_is_handled() -> None:
    before = [signal.getsignal(each) for each in HANDLED]
    seen: list[Any] = []

    def enter() -> None:
        with SignalGuard() as guard:
            guard.check()
            seen.extend(signal.getsignal(each) for each in HANDLED)

    thread = threading.Thread(target=enter)
    thread.start()
    thread.join()
    assert seen == before == [signal.getsignal(each) for each in HANDLED]
