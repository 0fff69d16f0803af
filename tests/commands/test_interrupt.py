"""The first Ctrl-C is told of, the second one stops, and afterwards all is as before."""

import signal

import pytest

from truevar.commands.interrupt import first_interrupt


@pytest.mark.parametrize("quiet", [False, True])
def test_the_second_one_stops(capsys, quiet):
    before = signal.getsignal(signal.SIGINT)
    with first_interrupt(quiet) as stopped:
        assert not stopped()
        signal.raise_signal(signal.SIGINT)
        assert stopped()
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)
    assert signal.getsignal(signal.SIGINT) is before
    assert capsys.readouterr().err.count("Ctrl-C again") == (0 if quiet else 1)


def test_what_ends_without_one_leaves_ctrl_c_as_it_was():
    before = signal.getsignal(signal.SIGINT)
    with first_interrupt():
        assert signal.getsignal(signal.SIGINT) is not before
    assert signal.getsignal(signal.SIGINT) is before
