"""TensorBoard's event files, read back by TensorBoard itself."""

import errno
import sys
from types import ModuleType

import pytest

from faceit.errors import FaceitError
from faceit.train.tensorboard_log import FOLDER, TensorBoardLog


def _read(folder) -> dict[str, list[tuple[int, float]]]:
    """{graph: [(step, value)]} as TensorBoard shows it."""
    sys.modules.setdefault("tensorboard.compat.notf", ModuleType("notf"))  # its own reader, not TensorFlow's
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    seen = EventAccumulator(str(folder / FOLDER), size_guidance={"scalars": 0, "tensors": 0})
    seen.Reload()
    graphs = {name: [(e.step, e.value) for e in seen.Scalars(name)] for name in seen.Tags()["scalars"]}
    return {name: [(step, round(value, 3)) for step, value in rows] for name, rows in graphs.items()}


def test_a_run_that_goes_on_goes_on_in_the_same_graph(tmp_path):
    pytest.importorskip("tensorboard")
    first = TensorBoardLog(tmp_path, 0)
    for step in (10, 20, 30):
        first.add(step, {"loss/ann": 1 / step, "loss/bob": 0.5})
    again = TensorBoardLog(tmp_path, 20)  # what came after step 20 was lost
    again.add(25, {"loss/ann": 0.3, "loss/bob": 0.25})
    assert _read(tmp_path) == {
        "loss/ann": [(10, 0.1), (20, 0.05), (25, 0.3)], "loss/bob": [(10, 0.5), (20, 0.5), (25, 0.25)],
    }  # fmt: skip


def test_a_full_disk_leaves_the_file_whole(tmp_path, monkeypatch):
    pytest.importorskip("tensorboard")
    board = TensorBoardLog(tmp_path, 0)
    board.add(1, {"loss/ann": 1.0})
    [file] = (tmp_path / FOLDER).iterdir()
    before, own = file.read_bytes(), type(file).open

    class Full:
        """Takes three bytes of what is written."""

        def __init__(self, file):
            self.file = file

        def __enter__(self):
            return self

        def __exit__(self, *_):
            self.file.close()

        def write(self, data):
            return self.file.write(data[:3])

    with monkeypatch.context() as patch:
        patch.setattr(type(file), "open", lambda self, *words, **more: Full(own(self, *words, **more)))
        with pytest.raises(OSError) as caught:
            board.add(2, {"loss/ann": 2.0})
    assert caught.value.errno == errno.ENOSPC and file.read_bytes() == before
    board.add(2, {"loss/ann": 2.0})
    assert _read(tmp_path) == {"loss/ann": [(1, 1.0), (2, 2.0)]}


def test_without_the_package_it_is_a_sentence(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "tensorboard.compat.proto.event_pb2", None)
    monkeypatch.setitem(sys.modules, "tensorboard", None)
    with pytest.raises(FaceitError, match="pip install tensorboard"):
        TensorBoardLog(tmp_path, 0)


def test_a_folder_that_is_a_link_is_refused(tmp_path):
    pytest.importorskip("tensorboard")
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / FOLDER).symlink_to(tmp_path / "elsewhere", target_is_directory=True)
    with pytest.raises(FaceitError, match=f"{FOLDER} is a link"):
        TensorBoardLog(tmp_path, 0)
    assert not list((tmp_path / "elsewhere").iterdir())
