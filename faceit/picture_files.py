"""Picture files: which ones they are. Without OpenCV, so that what only lists them begins at once."""

from pathlib import Path

PICTURE_ENDINGS = {".jpg", ".jpeg", ".png", ".webp", ".bmp", ".tif", ".tiff"}


def is_picture(path: Path) -> bool:
    """Whether it is a file with a picture's ending, in any case, that is not hidden."""
    return path.suffix.lower() in PICTURE_ENDINGS and not path.name.startswith(".") and path.is_file()


def pictures_in(folder: Path) -> list[Path]:
    """The pictures that lie in a folder itself, by name."""
    return sorted(path for path in folder.iterdir() if is_picture(path))
