"""Which files are pictures."""

import subprocess
import sys

from faceit.picture_files import pictures_in


def test_a_folders_pictures_by_name_and_nothing_else(tmp_path):
    for name in ("b.JPG", "a.png", "c.tiff", ".hidden.jpg", "._a.png", "notes.txt", "jpg"):
        (tmp_path / name).write_bytes(b"")
    (tmp_path / "album.jpg").mkdir()
    (tmp_path / "album.jpg" / "inside.jpg").write_bytes(b"")
    assert [path.name for path in pictures_in(tmp_path)] == ["a.png", "b.JPG", "c.tiff"]
    assert [path.name for path in pictures_in(tmp_path / "album.jpg")] == ["inside.jpg"]


def test_listing_them_needs_no_opencv():
    code = "import sys, faceit.picture_files; print({'cv2', 'numpy', 'PIL'} & set(sys.modules))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "set()\n"
