"""Why ffmpeg ended or did not begin, in words with the next step."""

import errno
import io
import os
import subprocess
from types import SimpleNamespace

import pytest

from faceit.errors import MediaError
from faceit.media import process


@pytest.mark.parametrize(("code", "words"), [
    (228, "No space left on device: free some space"), (1, "ffmpeg ended with code 1 and no message"),
    (-9, "ffmpeg was killed by signal 9"),
])  # fmt: skip
def test_an_end_without_a_word(code, words):
    assert process.why(SimpleNamespace(returncode=code), io.BytesIO()).startswith(words)


@pytest.mark.parametrize(("number", "words"), [
    (errno.EMFILE, "Too many open files: raise the limit of open files with `ulimit"),
    (errno.ENOENT, r"No such file or directory\.$"),
])  # fmt: skip
def test_what_keeps_it_from_beginning(monkeypatch, number, words):
    def refuse(*_, **__):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(subprocess, "Popen", refuse)
    with pytest.raises(MediaError, match=f"ffmpeg cannot be started: {words}"):
        process.start(["ffmpeg"])
