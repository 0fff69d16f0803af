import re
import sys

import pytest

from truevar.commands import progress
from truevar.commands.progress import Progress


@pytest.fixture
def clock(monkeypatch):
    """The time that the progress sees, in seconds: whatever the test puts there."""
    now = [1000.0]
    monkeypatch.setattr(progress.time, "monotonic", lambda: now[0])
    return now


def test_a_terminal_sees_a_bar(monkeypatch, capsys):
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    with Progress("localising") as show:
        show(5, 20, 7)
        show(20, 20, 1234)
    said = capsys.readouterr().err
    assert "20/20" in said
    assert "1,234 emitters" in said


def test_the_bar_counts_from_the_beginning(monkeypatch, clock, capsys):
    # Opening the movie and the first batch had taken half an hour when the bar was made.
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    with Progress("localising") as show:
        clock[0] += 1830
        show(5, 20, 7)
    said = capsys.readouterr().err
    assert re.findall(r"5/20 \[(\d+:\d+)<(\d+:\d+:\d+),", said)[0] == ("30:30", "1:31:30")


def test_elsewhere_a_line_now_and_then(clock, capsys):
    with Progress("localising") as show:
        clock[0] += 10
        show(5, 100, 7)
        assert capsys.readouterr().err == ""
        clock[0] += 30
        show(20, 100, 1234)
        # The first 10 s are in the time, but not in the speed: a movie is opened and measured.
        assert capsys.readouterr().err == (
            "localising: 20 of 100 frames, 0:00:40 elapsed, 0:02:40 left (0.5 frames/s), "
            "1234 emitters\n"
        )
        clock[0] += 20
        show(40, 100, 2000)
        assert capsys.readouterr().err == ""
        clock[0] += 10
        show(100, 100, 5000)
        assert capsys.readouterr().err == ""  # the summary comes at once


def test_one_report_is_enough_for_the_time_left(clock, capsys):
    with Progress("simulating") as show:
        clock[0] += 5000
        show(1, 3)
    assert capsys.readouterr().err == (
        "simulating: 1 of 3 frames, 1:23:20 elapsed, 2:46:40 left (0.0002 frames/s)\n"
    )


def test_quiet_is_quiet(monkeypatch, clock, capsys):
    for terminal in (True, False):
        monkeypatch.setattr(sys.stderr, "isatty", lambda terminal=terminal: terminal)
        with Progress("localising", quiet=True) as show:
            clock[0] += 1000
            show(5, 20, 7)
    assert capsys.readouterr().err == ""
