import os
import signal

import pytest

from streams.commands.interrupts import unwinding_signals


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_who_is_asked_to_end_tidies_up_first(number: signal.Signals) -> None:
    before, tidied = signal.getsignal(number), []
    with pytest.raises(SystemExit) as ended, unwinding_signals():
        try:
            os.kill(os.getpid(), number)
            signal.pause()
        finally:
            tidied.append(number)
    assert tidied == [number]
    assert ended.value.code == 128 + number
    assert signal.getsignal(number) == before


def test_a_second_signal_does_not_break_off_the_tidying() -> None:
    tidied = []
    with pytest.raises(SystemExit), unwinding_signals():
        try:
            os.kill(os.getpid(), signal.SIGTERM)
            signal.pause()
        finally:
            os.kill(os.getpid(), signal.SIGINT)
            tidied.append("everything")
    assert tidied == ["everything"]
