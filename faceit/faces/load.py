"""Face sets in memory: a person's aligned faces as training and measuring want them."""

import hashlib
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np

from faceit.faces.appearance import Appearance, fit_appearance, fit_person, shows
from faceit.faces.cache import CachePlace, Pictures, kept
from faceit.faces.faceset import FaceRow, iterate_present, picture, shared_crop, spread
from faceit.geometry import ALIGNED_MARGIN, FACE, SAVED_SIZE, Crop, crop_points, reduced, work_size
from faceit.images import read_image, size_of
from faceit.shape import Shape
from faceit.texture import SMOOTH, Layout

VERSION = 2  # of what is cached; another number makes all caches anew
YAW_BIN = 5.0  # degrees: in steps of this all turns of the head are shown equally often
# times the even share: a turn that one bad landmark or one second of a video shows is not drilled into the network
MOST_SHOWN = 8.0
# Which rows say where the light comes from, degrees of yaw: a head that turns by one degree changes the difference of
# its halves by up to 0.02 of their mean.
FRONTAL = 10.0
FEWEST_FRONTAL = 10  # faces; from fewer nothing is concluded
# Luma of the crop's right half less the left over their mean, median of the frontal faces. Of 17 clips, those in studio
# light or lit from the front had 0.00 to 0.19 to either side; a man at home with one cheek in the shade had 0.31.
ONE_SIDED = 0.25


@dataclass(frozen=True)
class FaceSet:
    """A person's faces, for training: ``faces`` (n, w, w, 3) uint8 RGB with the margin around ``crop``, in memory or
    memory-mapped and read only; ``points`` (n, 68, 2) float32 landmarks in units of the crop.

    ``yaw`` (n,) float32 degrees, as ``geometry.head_angles``. ``one_sided``: the light comes from one side, so that a
    mirrored face would be lit as the person never is. ``textures``: where a network paints them. ``picture_size``:
    pixels of the saved pictures, with their margin.
    """

    faces: np.ndarray
    points: np.ndarray
    crop: Crop = FACE
    yaw: np.ndarray | None = None
    one_sided: bool = False
    textures: "Textures | None" = None
    picture_size: int = SAVED_SIZE

    def __len__(self) -> int:
        return len(self.faces)

    def appearance(self, components: int) -> Appearance:
        """What is known of a person who has ``textures`` before any training, with so many components of paint."""
        it = self.textures
        assert it is not None
        return fit_appearance(it.shape, it.layout, it.pictures, it.codes, it.shown, components, self.crop)

    def only(self, rows: np.ndarray) -> "FaceSet":
        """The faces of these rows alone, a copy of nothing."""
        yaw = None if self.yaw is None else self.yaw[rows]
        faces: np.ndarray = Chosen(self.faces, rows)  # type: ignore[assignment]
        textures = self.textures and self.textures.only(rows)
        return replace(self, faces=faces, points=self.points[rows], yaw=yaw, textures=textures)

    def probabilities(self) -> np.ndarray | None:
        """How often each face is to be shown, (n,) float64 with the sum 1: every ``YAW_BIN`` that has faces as often as
        any other, but no face more than ``MOST_SHOWN`` times the even share. None where all lie in one bin, or their
        turn is not known: then all alike. The uniform yaw of DeepFaceLab."""
        if self.yaw is None or not len(self.yaw):
            return None
        _, bins, counts = np.unique(np.round(self.yaw / YAW_BIN), return_inverse=True, return_counts=True)
        if len(counts) == 1:
            return None
        most = MOST_SHOWN * counts / len(self.yaw)  # of each bin
        shares = np.zeros(len(counts))
        full = np.zeros(len(counts), bool)
        while True:  # what the full bins leave is shared by the others, which may fill some of those
            shares[full] = most[full]
            shares[~full] = (1 - most[full].sum()) / max(1, (~full).sum())
            over = ~full & (shares > most)
            if not over.any():
                break
            full |= over
        each = (shares / counts)[bins.reshape(-1)]
        return each / each.sum()


@dataclass(frozen=True)
class Textures:
    """A person's shape-free textures: ``pictures`` (n, s, s, 3) uint8 RGB, in memory or memory-mapped and read only;
    ``codes`` (n, f) float32, what each says of turn and expression; ``shown`` (n, 3), see ``appearance.shows``."""

    pictures: np.ndarray
    codes: np.ndarray
    shown: np.ndarray
    shape: Shape
    layout: Layout

    def only(self, rows: np.ndarray) -> "Textures":
        """Those of these rows alone."""
        pictures: np.ndarray = Chosen(self.pictures, rows)  # type: ignore[assignment]
        return replace(self, pictures=pictures, codes=self.codes[rows], shown=self.shown[rows])


class Chosen:
    """Some of many pictures, which are read when they are asked for."""

    def __init__(self, pictures, rows: np.ndarray):
        self.pictures, self.rows = pictures, rows

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def shape(self) -> tuple[int, ...]:
        return len(self.rows), *self.pictures.shape[1:]

    def __getitem__(self, at) -> np.ndarray:
        return self.pictures[self.rows[at]]


class SavedPictures:
    """The pictures of a face set as they are saved, ``side`` pixels with their margin; read when they are asked for."""

    def __init__(self, paths: list[Path], side: int):
        self.paths, self.side = paths, side

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, rows) -> np.ndarray:
        """(r, side, side, 3) uint8 of a slice or an array of rows."""
        some = [self.paths[i] for i in np.arange(len(self.paths))[rows]]
        return np.array([self.picture(path) for path in some], np.uint8).reshape(-1, self.side, self.side, 3)

    def picture(self, path: Path) -> np.ndarray:
        picture = read_image(path)
        return picture if picture.shape[0] == self.side else reduced(picture, self.side)


@dataclass(frozen=True)
class _Found:
    """What loading needs of a row: a whole one takes 8 kB."""

    path: Path
    name: str  # the path from the person's folder on
    points: np.ndarray  # (68, 2) frame pixels
    spread: float  # see ``geometry.Face``
    yaw: float  # degrees
    side_light: float  # luma of the right half less the left, over the mean


def load_faceset(
    folders: list[Path],
    size: int,
    most: int = 6000,
    held_out: bool = False,
    cache: Path | None = None,
) -> FaceSet:
    """Load faces for a network of ``size`` pixels, those that train or those ``held_out``; of more than ``most``,
    evenly spread ones. FaceitError where the folders' pictures do not show as much of the head as each other.

    The pictures are area-reduced so that the crop is ``size`` pixels: (n, 1.4 size, 1.4 size, 3). In the folder
    ``cache`` they are kept for the next time, and come memory-mapped from there.
    """
    crop, side = shared_crop(folders), work_size(size)
    found = spread(_all_found(folders, held_out), most)
    name = folders[0].parent.name if folders else "nobody"
    points = _crop_points(found, crop)
    faces = Pictures(
        len(found), (side, side, 3), lambda i: reduced(read_image(found[i].path), side), f"Reading {name}'s faces"
    )
    place = cache and CachePlace(cache, size, "held" if held_out else "train", _key(found, crop, side))
    pictures = kept(place, "faces", faces) if place else faces.in_memory()
    return FaceSet(pictures, points, crop, *_turns_and_light(found), picture_size=_saved_size(found))


def load_appearance(folders: list[Path], size: int, most: int = 6000, held_out: bool = False,
                    cache: Path | None = None, like: Textures | None = None) -> FaceSet:  # fmt: skip
    """Load faces for a network that paints textures of ``size`` pixels, as ``load_faceset``. Their pictures stay on the
    disk, as they are saved (``SavedPictures``). Their ``textures`` are kept in the folder ``cache``; those of faces
    that are held out are made ``like`` the person's that train."""
    crop = shared_crop(folders)
    found = spread(_all_found(folders, held_out), most)
    name = folders[0].parent.name if folders else "nobody"
    points = _crop_points(found, crop)
    saved = SavedPictures([each.path for each in found], _saved_size(found))
    rest = _turns_and_light(found)
    if not found or (like is None and (held_out or len(found) < 2)):
        return FaceSet(saved[:], points, crop, *rest, picture_size=saved.side)
    if like is None:
        shape, layout, codes = fit_person(points, np.array([each.spread for each in found]))
    else:
        shape, layout = like.shape, like.layout
        poses, expression = shape.read(points.astype(np.float64))
        codes = shape.code(poses.turn, expression)

    def texture(i: int) -> np.ndarray:
        return layout.texture(saved.picture(saved.paths[i]), points[i], size, ALIGNED_MARGIN)

    pictures = Pictures(len(found), (size, size, 3), texture, f"Unfolding {name}'s faces")
    key = _key(found, crop, size, SMOOTH, layout.points.tobytes())
    made = kept(CachePlace(cache, size, "train", key), "textures", pictures) if cache else pictures.in_memory()
    textures = Textures(made, codes, shows(points), shape, layout)
    faces = saved[:] if held_out else saved  # both are read by rows
    return FaceSet(faces, points, crop, *rest, textures, saved.side)  # type: ignore[arg-type]


def _all_found(folders: list[Path], held_out: bool) -> list[_Found]:
    return [_found(folder, row) for folder in folders for row in iterate_present(folder) if row.held_out == held_out]


def _saved_size(found: list[_Found]) -> int:
    """Pixels of the saved pictures, by the first."""
    return size_of(found[0].path)[1] if found else SAVED_SIZE


def _crop_points(found: list[_Found], crop: Crop) -> np.ndarray:
    return np.array([crop_points(each.points, crop) for each in found], np.float32).reshape(-1, 68, 2)


def _turns_and_light(found: list[_Found]) -> tuple[np.ndarray, bool]:
    yaw, side_light = (np.array([getattr(each, key) for each in found], np.float32) for key in ("yaw", "side_light"))
    return yaw, _is_one_sided(yaw, side_light)


def _found(folder: Path, row: FaceRow) -> _Found:
    path, (mean, side, _) = picture(folder, row), row.light
    name = path.relative_to(folder.parent).as_posix()
    return _Found(path, name, row.points(), row.spread, row.pose[0], side / max(mean, 1.0))


def _is_one_sided(yaw: np.ndarray, side_light: np.ndarray) -> bool:
    """Whether more than half of the frontal faces are lit clearly from the same side."""
    frontal = side_light[np.abs(yaw) < FRONTAL]
    return len(frontal) >= FEWEST_FRONTAL and bool(abs(np.median(frontal)) > ONE_SIDED)


def _key(found: list[_Found], crop: Crop, side: int, *more) -> str:
    """What loaded pictures are made from, as a hash: which files, in which order, their sizes and times of change, the
    landmarks, and how they are reduced. Paths count from the person's folder: a project can move."""
    digest = hashlib.sha256(repr((VERSION, cv2.__version__, ALIGNED_MARGIN, crop, side, *more)).encode())
    for each in found:
        try:
            state = each.path.stat()
            stamp = state.st_size, state.st_mtime_ns
        except OSError:
            stamp = None  # reading it will say why
        digest.update(repr((each.name, stamp)).encode())
        digest.update(each.points.tobytes())
    return digest.hexdigest()
