"""The queue of paintings: order, times, wishes, and processes that are killed."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

PLUG_IN = Path(__file__).resolve().parents[3] / "gimp_plugin" / "neural-style"

HOLD = """
import sys
sys.path.insert(0, sys.argv[1])
from nst_gimp.process.paint_queue import Ticket
ticket = Ticket(image=sys.argv[2], seconds=90.0)
ticket.tell(is_painting=not ticket.ahead())
print(len(ticket.ahead()), flush=True)
for _line in sys.stdin:
    print(len(ticket.ahead()), ticket.take_wish(), flush=True)
"""


@pytest.fixture
def paint_queue(monkeypatch, tmp_path: Path):
    monkeypatch.syspath_prepend(str(PLUG_IN))
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_DATA_HOME", "")
    from nst_gimp.process import paint_queue

    yield paint_queue
    for name in [name for name in sys.modules if name.startswith("nst_gimp")]:
        del sys.modules[name]


class OtherProcess:
    """Another process in the queue; :meth:`ask` returns how many are ahead of it and the wish it got."""

    def __init__(self, image: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", HOLD, str(PLUG_IN), image],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self.process.stdout is not None
        self.first_answer = self.process.stdout.readline().strip()

    def ask(self) -> list[str]:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write("\n")
        self.process.stdin.flush()
        return self.process.stdout.readline().split()

    def kill(self) -> None:
        self.process.kill()
        self.process.communicate()


def images(entries) -> list[str]:
    return [entry.facts["image"] for entry in entries]


def test_processes_paint_in_the_order_in_which_they_came(paint_queue) -> None:
    first = OtherProcess("first")
    second = OtherProcess("second")
    try:
        assert (first.first_answer, second.first_answer) == ("0", "1")
        with paint_queue.Ticket(image="third") as ticket:
            assert images(ticket.ahead()) == ["first", "second"]
            assert paint_queue.seconds_until_free(ticket.ahead()) == pytest.approx(180.0, abs=60.0)
            paint_queue.wish(ticket.ahead()[1].number, paint_queue.DROP)
            assert second.ask() == ["1", "drop"]
            first.kill()
            assert second.ask() == ["0"]
            assert images(ticket.ahead()) == ["second"]
            second.kill()
            assert ticket.ahead() == []
            assert images(paint_queue.entries()) == ["third"]
    finally:
        first.kill()
        second.kill()
    assert paint_queue.entries() == []


def test_ended_paintings_leave_no_files(paint_queue, tmp_path: Path) -> None:
    killed = OtherProcess("killed")
    paint_queue.wish(1, paint_queue.SHOW)
    killed.kill()
    with paint_queue.Ticket(image="next") as ticket:
        ticket.tell(seconds_left=5.0)
        assert ticket.ahead() == []
    assert [path.name for path in tmp_path.rglob("*") if path.is_file()] == [paint_queue.GUARD]


def test_tickets_of_one_process_wait_for_each_other(paint_queue) -> None:
    with paint_queue.Ticket(image="a"), paint_queue.Ticket(image="b") as second:
        assert images(second.ahead()) == ["a"]


def test_without_a_folder_nothing_waits(paint_queue, monkeypatch) -> None:
    monkeypatch.setattr(paint_queue.locations, "queue_folder", lambda: None)
    with paint_queue.Ticket(image="a"), paint_queue.Ticket(image="b") as second:
        assert second.ahead() == []
        assert second.take_wish() == ""


def test_file_system_without_locks_waits_for_nothing(paint_queue, monkeypatch) -> None:
    def refuse(_descriptor: int) -> None:
        raise OSError("no locks here")

    monkeypatch.setattr("nst_gimp.process.file_lock._lock", refuse)
    with paint_queue.Ticket(image="a"), paint_queue.Ticket(image="b") as second:
        assert second.ahead() == []


def test_time_until_free_counts_down_and_may_be_unknown(paint_queue, monkeypatch) -> None:
    monkeypatch.setattr(paint_queue.time, "time", lambda: 1000.0)
    entry = paint_queue.Entry
    painting = entry(1, {"is_painting": True, "seconds": 90.0, "seconds_left": 50.0, "at": 990.0})
    waiting = entry(2, {"is_painting": False, "seconds": 80.0, "seconds_left": None, "at": 500.0})
    assert paint_queue.seconds_until_free([painting, waiting]) == 120.0
    assert paint_queue.seconds_until_free([painting, entry(3, {})]) is None
    assert paint_queue.seconds_until_free([]) == 0


def test_words_say_what_a_painting_waits_for(paint_queue) -> None:
    from nst_gimp.run import queue_words

    entry = paint_queue.Entry(4, {"image": "boat.jpg", "style": "Ink", "seconds": 121.0})
    assert queue_words.describe_wait([]) == ""
    assert queue_words.describe_wait([entry]) == "Waits for 1 painting, about 2 min"
    assert queue_words.describe_wait([entry, entry._replace(facts={})]) == "Waits for 2 paintings"
    assert queue_words.describe_place([entry]) == "Place 2 in the queue"
    assert queue_words.describe_entry(2, entry) == "“boat.jpg” in the style of Ink: place 2"
    entry.facts.update(is_painting=True, seconds_left=30.0)
    assert queue_words.describe_entry(1, entry) == "“boat.jpg” in the style of Ink: 30 s left"
