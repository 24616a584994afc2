"""One process at a time."""

import errno
import multiprocessing
import os
import threading
import time

import pytest

from faceit.errors import FaceitError
from faceit.lock import only_one


def test_a_lock_that_is_a_link_is_refused(tmp_path):
    (tmp_path / "precious").write_text("precious")
    (tmp_path / ".lock").symlink_to(tmp_path / "precious")
    with pytest.raises(FaceitError, match="is a link, .*: remove the link"), only_one(tmp_path / ".lock", "x is made"):
        pass
    assert (tmp_path / "precious").read_text() == "precious"


def test_a_passing_lock_leaves_nothing(tmp_path):
    with only_one(tmp_path / "x.lock", "x is made", passing=True):
        assert (tmp_path / "x.lock").exists()
        with pytest.raises(FaceitError, match="x is made by another"), only_one(tmp_path / "x.lock", "x is made"):
            pass
    assert not list(tmp_path.iterdir())


def test_who_waits_goes_on_when_the_lock_is_free(tmp_path):
    looks, free = [], threading.Event()

    def hold():
        with only_one(tmp_path / "x.lock", "x is made", passing=True):
            free.wait(10)

    holder = threading.Thread(target=hold)
    holder.start()
    while not (tmp_path / "x.lock").exists():
        time.sleep(0.01)

    def wait():
        looks.append(1)
        free.set()

    with only_one(tmp_path / "x.lock", "x is made", passing=True, waiting=wait):
        holder.join()
        assert looks and (tmp_path / "x.lock").exists()
    assert not list(tmp_path.iterdir())


def _count(folder, times):
    for _ in range(times):
        with only_one(folder / "deep" / "x.lock", "x is made", passing=True, waiting=lambda: None):
            (folder / "held").mkdir()  # fails where another process is within
            (folder / "held").rmdir()


def test_processes_take_turns_although_the_file_goes_away(tmp_path, monkeypatch):
    monkeypatch.setattr("faceit.lock.LOOK_S", 0.001)
    context = multiprocessing.get_context("fork" if "fork" in multiprocessing.get_all_start_methods() else "spawn")
    runs = [context.Process(target=_count, args=(tmp_path, 100)) for _ in range(4)]
    for run in runs:
        run.start()
    for run in runs:
        run.join(60)
    assert [run.exitcode for run in runs] == [0] * 4


def test_a_lock_is_held_on_a_full_disk_too(tmp_path, monkeypatch):
    def full(*_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patch:
        patch.setattr(os, "write", full)
        lock = only_one(tmp_path / ".lock", "x is made")
        lock.__enter__()
    with pytest.raises(FaceitError, match=r"x is made by another process \(just started\)"):  # noqa: SIM117
        with only_one(tmp_path / ".lock", "x is made"):
            pass
    lock.__exit__(None, None, None)


def test_a_file_that_its_last_holder_has_removed_is_no_lock(tmp_path, monkeypatch):
    path, cut, calls = tmp_path / "x.lock", os.ftruncate, []

    def removed(descriptor, size):
        if not calls:
            path.unlink()  # between opening and locking it
        calls.append(descriptor)
        cut(descriptor, size)

    monkeypatch.setattr(os, "ftruncate", removed)
    with only_one(path, "x is made", passing=True):
        assert path.exists() and len(calls) == 2
