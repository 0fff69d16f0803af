import errno
import os
import sys

import pytest

from truevar.errors import UserError
from truevar.io.atomic import check_folder, replacing, replacing_all


def write_half(path, error):
    with replacing(path) as temporary:
        temporary.write_text("half")
        raise error


def test_file_appears_complete(tmp_path):
    wanted = tmp_path / "a.csv"
    with replacing(wanted) as temporary:
        temporary.write_text("new")
        assert temporary.suffix == ".csv"
        assert temporary.parent == tmp_path
        assert not wanted.exists()
    assert wanted.read_text() == "new"
    assert os.listdir(tmp_path) == ["a.csv"]


def test_failure_keeps_the_old_file_and_leaves_nothing(tmp_path):
    wanted = tmp_path / "a.csv"
    wanted.write_text("old")
    with pytest.raises(RuntimeError):
        write_half(wanted, RuntimeError("stop"))
    with pytest.raises(KeyboardInterrupt):
        write_half(wanted, KeyboardInterrupt())
    assert wanted.read_text() == "old"
    assert os.listdir(tmp_path) == ["a.csv"]


@pytest.mark.parametrize(
    ("code", "words"),
    [(errno.ENOSPC, "disk is full"), (errno.EACCES, "no permission"), (errno.EIO, "cannot write")],
)
def test_system_errors_become_one_line(tmp_path, code, words):
    with pytest.raises(UserError, match=words) as caught:
        write_half(tmp_path / "a.csv", OSError(code, os.strerror(code)))
    assert "\n" not in str(caught.value)
    assert os.listdir(tmp_path) == []


def test_missing_folder(tmp_path):
    with pytest.raises(UserError, match="no folder"), replacing(tmp_path / "no" / "a.csv"):
        pass
    with pytest.raises(UserError, match="no folder"):
        check_folder(tmp_path / "no" / "a.csv")


def test_a_folder_of_that_name(tmp_path):
    with pytest.raises(UserError, match="is a folder"):
        check_folder(tmp_path)


@pytest.mark.skipif(
    sys.platform == "win32" or getattr(os, "geteuid", lambda: 0)() == 0,
    reason="root may write everywhere",
)
def test_folder_without_permission(tmp_path):
    tmp_path.chmod(0o500)
    with pytest.raises(UserError, match="no permission"):
        check_folder(tmp_path / "a.csv")
    tmp_path.chmod(0o700)


def test_several_files_move_together_or_not_at_all(tmp_path, monkeypatch):
    one, two = tmp_path / "a.hdf5", tmp_path / "a.yaml"
    one.write_text("old one")
    two.write_text("old two")

    def write():
        with replacing_all(one, two) as (first, second):
            first.write_text("new one")
            second.write_text("new two")

    real = os.replace

    def refuse(source, target):
        if target == two and "new" in source.read_text():
            raise PermissionError(errno.EACCES, "held by another program")
        real(source, target)

    monkeypatch.setattr(os, "replace", refuse)
    with pytest.raises(UserError, match="no permission"):
        write()
    assert (one.read_text(), two.read_text()) == ("old one", "old two")
    assert sorted(os.listdir(tmp_path)) == ["a.hdf5", "a.yaml"]
    monkeypatch.setattr(os, "replace", real)
    write()
    assert (one.read_text(), two.read_text()) == ("new one", "new two")
    assert sorted(os.listdir(tmp_path)) == ["a.hdf5", "a.yaml"]


def test_a_single_file_that_cannot_be_replaced_stays(tmp_path, monkeypatch):
    wanted = tmp_path / "a.csv"
    wanted.write_text("old")

    def refuse(source, target):
        raise PermissionError(errno.EACCES, "held by another program")

    def write():
        with replacing(wanted) as temporary:
            temporary.write_text("new")

    with monkeypatch.context() as patched:
        patched.setattr(os, "replace", refuse)
        with pytest.raises(UserError, match="no permission"):
            write()
    assert wanted.read_text() == "old"
    assert os.listdir(tmp_path) == ["a.csv"]


@pytest.mark.parametrize("when", range(4))
def test_an_interrupted_move_leaves_the_old_files(tmp_path, monkeypatch, when):
    one, two = tmp_path / "a.hdf5", tmp_path / "a.yaml"
    one.write_text("old one")
    two.write_text("old two")
    real, moves = os.replace, iter(range(100))

    def interrupted(source, target):
        if next(moves) == when:
            raise KeyboardInterrupt
        real(source, target)

    def write():
        with replacing_all(one, two) as (first, second):
            first.write_text("new one")
            second.write_text("new two")

    monkeypatch.setattr(os, "replace", interrupted)
    with pytest.raises(KeyboardInterrupt):
        write()
    assert (one.read_text(), two.read_text()) == ("old one", "old two")
    assert sorted(os.listdir(tmp_path)) == ["a.hdf5", "a.yaml"]
