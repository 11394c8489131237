import threading

from driftgate.service.deferred import deferred


class Meter:
    made = 0

    def __init__(self) -> None:
        type(self).made += 1

    def read(self) -> int:
        return 7


def test_nothing_is_made_before_it_is_called():
    Meter.made = 0

    deferred(Meter)

    assert Meter.made == 0


def test_it_is_made_once_however_many_call_it_together():
    Meter.made = 0
    meter, answers = deferred(Meter), []
    threads = [threading.Thread(target=lambda: answers.append(meter.read())) for _ in range(8)]

    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert (Meter.made, answers) == (1, [7] * 8)
