"""Export and import: a model goes to a stranger and back as data; whatever else a file may be is a sentence."""

import errno
import hashlib
import io
import json
import os
import pickle
import shutil
import stat
import zipfile
from dataclasses import replace

import cv2
import numpy as np
import pytest
import safetensors.numpy
from PIL import Image

from faceit.cli import main
from faceit.config.project import Person, Project
from faceit.config.settings import PreprocessSettings
from faceit.errors import FaceitError, WeightsError
from faceit.images import write_image
from faceit.lock import only_one
from faceit.network.model_file import MODEL, WEIGHTS
from faceit.network.presets import CPU, to_json
from faceit.network.swapmodel import load_model
from faceit.network.weights import save_tensors, take
from faceit.share import MANIFEST, PREVIEW, export_model, import_model
from tests.drawn import drawn_network, drawn_set

SMALL = replace(CPU, size=128)
ABOUT = {
    "format": 3, "faceit": "1.0.0", "swap": "a2b", "step": 3, "seconds": 1.5, "preset": to_json(SMALL),
    "people": {"a": {"name": "ann", "consent": "Ann, a drawing"}, "b": {"name": "bob", "consent": "Bob, a drawing"}},
}  # fmt: skip


def _project(root) -> Project:
    return Project(root / "faceit.yaml", {}, {}, PreprocessSettings())


@pytest.fixture(scope="module")
def shared(tmp_path_factory):
    """(the project that has the model, the exported file). Read only."""
    root = tmp_path_factory.mktemp("sender")
    folder = root / "models" / "a2b"
    folder.mkdir(parents=True)
    network, rng = drawn_network(), np.random.default_rng(0)
    save_tensors(folder / WEIGHTS, take(network.variables), {"step": "3"})
    (folder / MODEL).write_text(json.dumps(ABOUT), encoding="utf-8")
    write_image(folder / PREVIEW, rng.integers(0, 255, (64, 96, 3)).astype(np.uint8))
    (folder / "state.safetensors").write_bytes(b"stays at home")
    return _project(root), export_model(_project(root), "a2b", root / "a2b.faceit")


def _contents(file) -> dict[str, bytes]:
    with zipfile.ZipFile(file) as archive:
        return {entry.filename: archive.read(entry) for entry in archive.infolist()}


def _write(file, contents: dict[str, bytes], seal=True, **manifest):
    """A file as an attacker would write it: with checksums that are right."""
    if seal:
        files = {n: {"sha256": hashlib.sha256(b).hexdigest()} for n, b in contents.items() if n != MANIFEST}
        content = {**json.loads(contents[MANIFEST]), "files": files, **manifest}
        contents = {**contents, MANIFEST: json.dumps(content).encode()}
    with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as archive:
        for name, content in contents.items():
            archive.writestr(name, content)
    return file


def _refused(file, root, sentence, name=None):
    """The import says the sentence, and leaves nothing behind."""
    root.mkdir(exist_ok=True)
    before = sorted(p.relative_to(root) for p in root.rglob("*"))
    with pytest.raises(FaceitError, match=sentence) as error:
        import_model(_project(root), file, name)
    assert "\n" not in str(error.value)
    after = [p.relative_to(root) for p in root.rglob("*") if p.name != "models" or not p.is_dir()]
    assert sorted(after) == [p for p in before if p.name != "models"]


def test_a_model_swaps_the_same_at_a_strangers(shared, tmp_path, capfd):
    project, file = shared
    folder = import_model(_project(tmp_path), file)
    assert folder == tmp_path / "models" / "a2b"
    assert sorted(p.name for p in folder.iterdir()) == [MODEL, PREVIEW, WEIGHTS]
    assert sorted(p.name for p in folder.parent.iterdir()) == ["a2b"]
    faces = drawn_set("ann", 4)
    swapped = [load_model(p).swap(faces.faces, faces.points, "a", "b") for p in (project.model_dir("a2b"), folder)]
    np.testing.assert_array_equal(*swapped)
    output = capfd.readouterr().out
    assert "Ann, a drawing" in output and "Bob, a drawing" in output


def test_how_much_of_the_head_a_model_sees_goes_with_it_and_is_checked(shared, tmp_path):
    project, file = shared
    about = {**ABOUT, "align": "wholeface"}
    mine = _write(tmp_path / "mine.faceit", {**_contents(file), MODEL: json.dumps(about).encode()})
    folder = import_model(_project(tmp_path), mine)
    assert load_model(folder).crop.name == "wholeface"
    again = export_model(_project(tmp_path), "a2b", tmp_path / "again.faceit")
    assert json.loads(_contents(again)[MODEL])["align"] == "wholeface"
    for align in ("head", ["face"], None):
        strange = {**_contents(file), MODEL: json.dumps({**ABOUT, "align": align}).encode()}
        _refused(_write(tmp_path / "strange.faceit", strange), tmp_path / "root", "trained with align: .*update faceit")


def test_the_same_from_the_command_line_and_under_another_name(shared, tmp_path, capfd):
    project, file = shared
    config = ["--config", str(tmp_path / "faceit.yaml")]
    (tmp_path / "faceit.yaml").write_text("people: {ann: {consent: hers}}\n", encoding="utf-8")
    assert main(["import", str(file), "--as", "mine", *config]) == 0
    assert main(["export", "mine", str(tmp_path / "out.faceit"), *config]) == 0
    assert _contents(tmp_path / "out.faceit")[WEIGHTS] == _contents(file)[WEIGHTS]
    assert main(["status", *config]) == 0
    assert "mine: not in the YAML; cpu, 3 steps" in capfd.readouterr().out
    assert main(["import", str(file), "--as", "mine", *config]) == 1
    assert "models/mine is there already" in capfd.readouterr().err
    assert main(["import", str(file), "--as", "../mine", *config]) == 1
    assert not (tmp_path / "mine").exists()


def test_only_the_model_is_exported_and_never_over_another_file(shared, tmp_path):
    project, file = shared
    assert list(_contents(file)) == [MANIFEST, MODEL, WEIGHTS, PREVIEW]
    with pytest.raises(FaceitError, match="--overwrite"):
        export_model(project, "a2b", file)
    assert export_model(project, "a2b", tmp_path) == tmp_path / "a2b.faceit"
    assert export_model(project, "a2b", tmp_path, overwrite=True).stat().st_size == file.stat().st_size
    with pytest.raises(WeightsError, match="train"):
        export_model(project, "nobody", tmp_path / "x")


@pytest.mark.parametrize("error", [OSError(errno.ENOSPC, "No space left on device"), KeyboardInterrupt()], ids=repr)
def test_an_export_that_fails_leaves_no_file(shared, tmp_path, monkeypatch, error):
    def fail(*args, **kwargs):
        raise error

    monkeypatch.setattr(zipfile.ZipFile, "writestr", fail)
    with pytest.raises((FaceitError, KeyboardInterrupt)):
        export_model(shared[0], "a2b", tmp_path / "x.faceit")
    assert not list(tmp_path.iterdir())


def test_an_import_onto_a_full_disk_leaves_nothing(shared, tmp_path, monkeypatch):
    def fail(*args):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "replace", fail)
    _refused(shared[1], tmp_path, "No space left")


@pytest.mark.parametrize("share", [0, 0.0001, 0.01, 0.5, 0.99, 0.9999])
def test_a_file_cut_off_is_refused(shared, tmp_path, share):
    whole = shared[1].read_bytes()
    (tmp_path / "x.faceit").write_bytes(whole[: int(share * len(whole))])
    _refused(tmp_path / "x.faceit", tmp_path / "root", "damaged or cut off")


@pytest.mark.parametrize("name", [MANIFEST, MODEL, WEIGHTS, PREVIEW])
def test_one_byte_changed_anywhere_is_noticed(shared, tmp_path, name):
    contents = _contents(shared[1])
    changed = bytearray(contents[name])
    at = contents[MANIFEST].index(b'"sha256": "') + 12 if name == MANIFEST else len(changed) // 2
    changed[at] = changed[at] ^ 1
    _refused(_write(tmp_path / "x", {**contents, name: bytes(changed)}, seal=False), tmp_path / "root", "x")
    raw = bytearray(shared[1].read_bytes())  # and in the zip itself, whose own checksum is then wrong
    raw[raw.index(contents[name][:200]) + at % 200] ^= 1
    (tmp_path / "y").write_bytes(raw)
    _refused(tmp_path / "y", tmp_path / "root", "y")


def test_bytes_changed_at_random_never_end_in_a_traceback(shared, tmp_path, rng):
    contents = _contents(shared[1])
    del contents[WEIGHTS]  # small, so that the zip's own fields are hit often; it is refused anyhow
    whole = _write(tmp_path / "small", contents).read_bytes()
    for _ in range(300):
        changed = bytearray(whole)
        first = len(whole) - 400 if rng.random() < 0.7 else 0  # the zip's directory is at the end
        for at in rng.integers(first, len(whole), rng.integers(1, 4)):
            changed[at] = rng.integers(256)
        (tmp_path / "x").write_bytes(changed)
        _refused(tmp_path / "x", tmp_path / "root", "x")


@pytest.mark.parametrize(
    "name", ["evil.py", "../evil", "/evil", "sub/model.json", "model.json/", "C:\\evil", "..\\evil"]
)
def test_anything_more_than_a_model_is_refused(shared, tmp_path, name):
    _refused(_write(tmp_path / "x", {**_contents(shared[1]), name: b"x"}), tmp_path / "root", "which no model has")
    assert not (tmp_path / "evil").exists()


@pytest.mark.filterwarnings("ignore:Duplicate name")
@pytest.mark.parametrize("name", [MANIFEST, MODEL, WEIGHTS])
def test_the_same_name_twice_is_refused(shared, tmp_path, name):
    _write(tmp_path / "x", _contents(shared[1]))
    with zipfile.ZipFile(tmp_path / "x", "a") as archive:
        archive.writestr(name, b"{}")
    _refused(tmp_path / "x", tmp_path / "root", f"contains {name} twice")


def test_a_link_is_no_file(shared, tmp_path):
    contents = _contents(shared[1])
    (tmp_path / "secret").write_bytes(contents[PREVIEW])
    with zipfile.ZipFile(tmp_path / "x", "w") as archive:
        target = str(tmp_path / "secret").encode()
        files = {**contents, PREVIEW: target}
        checksums = {n: {"sha256": hashlib.sha256(b).hexdigest()} for n, b in files.items() if n != MANIFEST}
        archive.writestr(MANIFEST, json.dumps({"format": 1, "files": checksums}))
        for name in (MODEL, WEIGHTS):
            archive.writestr(name, files[name])
        link = zipfile.ZipInfo(PREVIEW)
        link.external_attr = (stat.S_IFLNK | 0o777) << 16
        archive.writestr(link, target)
    _refused(tmp_path / "x", tmp_path / "root", "its preview is not a picture")


def test_packed_entries_are_refused_before_they_unfold(shared, tmp_path):
    contents = _contents(shared[1])
    with zipfile.ZipFile(tmp_path / "x", "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in {**contents, WEIGHTS: bytes(100 << 20)}.items():
            archive.writestr(name, content)
    assert (tmp_path / "x").stat().st_size < 1 << 20
    _refused(tmp_path / "x", tmp_path / "root", "is compressed or encrypted")


def test_a_huge_description_is_refused(shared, tmp_path):
    contents = {**_contents(shared[1]), MODEL: json.dumps({**ABOUT, "x": "x" * (2 << 20)}).encode()}
    _refused(_write(tmp_path / "x", contents), tmp_path / "root", "is too large")


def test_what_a_newer_faceit_wrote_says_update(shared, tmp_path):
    contents = _contents(shared[1])
    _refused(_write(tmp_path / "x", contents, format=2, faceit="9"), tmp_path / "root", "newer faceit .*update")
    contents[MODEL] = json.dumps({**ABOUT, "format": 7}).encode()
    _refused(_write(tmp_path / "y", contents), tmp_path / "root", "newer faceit .*update")


def test_a_manifest_that_tells_of_other_files_is_refused(shared, tmp_path):
    contents = _contents(shared[1])
    numbers = {n: {"sha256": 3} for n in (MODEL, WEIGHTS, PREVIEW)}
    for files in ({}, [], None, {MODEL: {}}, numbers, {MODEL: 1, WEIGHTS: 2}):
        _refused(_write(tmp_path / "x", contents, files=files), tmp_path / "root", "x")
    for format_ in (None, "1", True, 1.0, [1]):
        _refused(_write(tmp_path / "x", contents, format=format_), tmp_path / "root", "not an exported model")
    without = {n: b for n, b in contents.items() if n != MANIFEST}
    _refused(_write(tmp_path / "x", without, seal=False), tmp_path / "root", f"no {MANIFEST}")
    for needed in (MODEL, WEIGHTS):
        less = {n: b for n, b in contents.items() if n != needed}
        _refused(_write(tmp_path / "x", less), tmp_path / "root", "does not match its manifest")


def _fuzzed(rng) -> dict:
    """model.json with one value, anywhere in it, replaced by something of another type."""
    about = json.loads(json.dumps(ABOUT))
    places = [(about, k) for k in about if k != "faceit"]
    places += [(about["preset"], k) for k in about["preset"]] + [(about["people"], k) for k in "ab"]
    places += [(about["people"][s], k) for s in "ab" for k in ("name", "consent")]
    holder, key = places[rng.integers(len(places))]
    wrong = [None, "64", [16], {}, {"name": "cpu"}, float("nan"), float("inf"), -1, "", "../x", "a/b", [[]], 1e400]
    kinds = [w for w in wrong if type(w) is not type(holder[key]) or w in ("", "../x", "a/b", -1)]
    holder[key] = kinds[rng.integers(len(kinds))]
    return about


def test_descriptions_with_wrong_types_are_sentences(shared, tmp_path, rng):
    """Checksums are right here: they keep out damage, not malice. A few wrong values do no harm and may pass."""
    contents = _contents(shared[1])
    contents[WEIGHTS] = b"not weights: nothing gets past this file"
    for _ in range(200):
        contents[MODEL] = json.dumps(_fuzzed(rng)).encode()
        _refused(_write(tmp_path / "x", contents), tmp_path / "root", "x")


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"people": None}, "whose faces"),
        ({"people": {**ABOUT["people"], "a": {"name": "ann"}}}, "consent"),
        ({"people": {**ABOUT["people"], "a": {"name": "ann", "consent": "  "}}}, "consent"),
        ({"people": {**ABOUT["people"], "b": {"name": "b/b", "consent": "x"}}}, "cannot be a person's name"),
        ({"people": {**ABOUT["people"], "b": {"name": "bob", "consent": "yes\x1b[2J"}}}, r"cannot be seen \(U\+001B\)"),
        ({"people": {**ABOUT["people"], "b": {"name": "bob", "consent": "half \ud800"}}}, r"U\+D800"),
        ({"people": {**ABOUT["people"], "b": {"name": "bob", "consent": "a\u202eb\rc"}}}, r"U\+202E"),
        ({"people": {**ABOUT["people"], "b": {"name": "bob", "consent": "x faceit-note: {}"}}}, "mark the note"),
        ({"people": {**ABOUT["people"], "b": {"name": "bob", "consent": "x" * 1001}}}, "1,001 characters: shorten it"),
        ({"people": {**ABOUT["people"], "b": {"name": "bob", "consent": "N/A"}}}, "bob: 'N/A' is no consent"),
        ({"preset": {**to_json(SMALL), "name": "sharp512"}}, "'sharp512' is not known here"),
        ({"preset": {**to_json(SMALL), "size": "64"}}, "setting size is '64'"),
        ({"preset": {**to_json(SMALL), "batch_size": [16]}}, "setting batch_size"),
        ({"format": 2, "preset": {"name": "lite"}}, r"x was trained by an older faceit \(preset lite\), whose"),
        ({"swap": "a/b"}, "--as"),
        ({"swap": None}, "--as"),
        ({"swap": ".."}, "--as"),
    ],
)  # fmt: skip
def test_a_description_that_cannot_be_is_refused(shared, tmp_path, change, sentence):
    contents = {**_contents(shared[1]), MODEL: json.dumps({**ABOUT, **change}).encode()}
    _refused(_write(tmp_path / "x", contents), tmp_path / "root", sentence)


def _tensors(shared) -> dict:
    return safetensors.numpy.load(_contents(shared[1])[WEIGHTS])


def test_weights_that_are_not_the_networks_are_refused(shared, tmp_path):
    contents = _contents(shared[1])
    good = _tensors(shared)
    bias = good["decoder_b/patches/bias"]
    for weights, sentence in (
        (pickle.dumps({"weights": np.zeros(9)}), "x: weights.safetensors is damaged"),
        (b"", "is damaged"),
        (contents[WEIGHTS][:-100], "is damaged"),
        (safetensors.numpy.save({**good, "encoder/narrow/bias": np.zeros(64, np.float32)}), r"bias is \(64,\)"),
        (safetensors.numpy.save({**good, "encoder/narrow/bias": np.full(128, np.nan, np.float32)}), "not numbers"),
        (safetensors.numpy.save({"x": np.zeros(3)}), "is missing"),
        (safetensors.numpy.save({**good, "input_a/deviation": np.full(1, 1e300)}), "a wrong kind, float64"),
        (safetensors.numpy.save({**good, "decoder_b/patches/bias": np.full_like(bias, 3e38)}), "draws values"),
        (safetensors.numpy.save({**good, "surplus": np.zeros(3, np.float32)}), "carries 'surplus', which its network"),
    ):
        _refused(_write(tmp_path / "x", {**contents, WEIGHTS: weights}), tmp_path / "root", sentence)


def test_what_no_network_needs_is_not_even_read(shared, tmp_path, monkeypatch):
    contents, good = _contents(shared[1]), _tensors(shared)
    contents[WEIGHTS] = safetensors.numpy.save({**good, "surplus": np.zeros(1 << 20, np.float32)})
    monkeypatch.setattr("faceit.network.weights.load_tensors", lambda path: pytest.fail("it is read"))
    _refused(_write(tmp_path / "x", contents), tmp_path / "root", "x: weights.safetensors carries 'surplus'")
    contents[WEIGHTS] = safetensors.numpy.save({**good, "encoder/narrow/bias": np.zeros(1 << 20, np.float32)})
    _refused(_write(tmp_path / "x", contents), tmp_path / "root", r"bias is \(1048576,\)")


def test_a_preview_of_thousands_of_passes_is_refused(shared, tmp_path):
    contents = _contents(shared[1])
    content = io.BytesIO()
    Image.new("L", (640, 480)).save(content, "JPEG", progressive=True)
    last = content.getvalue().rindex(b"\xff\xda")  # the last pass, again and again
    passes = content.getvalue()[last:-2] * 5000
    contents[PREVIEW] = content.getvalue()[:-2] + passes + b"\xff\xd9"
    _refused(_write(tmp_path / "x", contents), tmp_path / "root", "its preview is not a picture")


def test_a_preview_that_is_no_picture_or_a_bomb_is_refused(shared, tmp_path):
    contents = _contents(shared[1])
    jpeg = bytearray(contents[PREVIEW])
    at = jpeg.index(b"\xff\xc0") + 5  # the start of frame: height and width
    jpeg[at : at + 4] = b"\xff\xff\xff\xff"
    png = cv2.imencode(".png", np.zeros((9, 9, 3), np.uint8))[1].tobytes()
    for preview in (b"", b"<svg/>", bytes(jpeg), png, contents[PREVIEW][:50]):
        file = _write(tmp_path / "x", {**contents, PREVIEW: preview})
        _refused(file, tmp_path / "root", "its preview is not a picture")


def test_what_is_no_file_of_ours_at_all_is_a_sentence(tmp_path):
    (tmp_path / "text").write_text("hello", encoding="utf-8")
    _refused(tmp_path / "text", tmp_path / "root", "damaged or cut off")
    _refused(tmp_path / "absent", tmp_path / "root", "is not there")
    (tmp_path / "folder").mkdir()
    _refused(tmp_path / "folder", tmp_path / "root", "is a folder")
    with zipfile.ZipFile(tmp_path / "empty", "w"):
        pass
    _refused(tmp_path / "empty", tmp_path / "root", "not an exported model")
    buffer = io.BytesIO()
    np.savez(buffer, x=np.zeros(3))
    (tmp_path / "npz").write_bytes(buffer.getvalue())
    _refused(tmp_path / "npz", tmp_path / "root", "which no model has")


def test_a_name_in_use_is_kept(shared, tmp_path):
    folder = tmp_path / "root" / "models" / "a2b"
    folder.mkdir(parents=True)
    (folder / "mine").write_text("mine", encoding="utf-8")
    _refused(shared[1], tmp_path / "root", "models/a2b is there already")
    assert (folder / "mine").read_text(encoding="utf-8") == "mine"


def test_import_says_where_a_name_has_another_consent_here(shared, tmp_path, capsys):
    ann, bob = Person("ann", (), "Ann, my neighbour"), Person("bob", (), ABOUT["people"]["b"]["consent"])
    project = replace(_project(tmp_path), people={"ann": ann, "bob": bob})
    import_model(project, shared[1], "other")
    said = capsys.readouterr().out
    assert "! ann is in faceit.yaml too, with another consent (Ann, my neighbour)" in said and "! bob" not in said


def test_a_model_without_a_consent_is_not_exported(shared, tmp_path):
    folder = tmp_path / "models" / "a2b"
    shutil.copytree(shared[0].model_dir("a2b"), folder)
    people = {**ABOUT["people"], "a": {"name": "ann", "consent": "todo"}}
    (folder / MODEL).write_text(json.dumps({**ABOUT, "people": people}), encoding="utf-8")
    with pytest.raises(WeightsError, match="ann: 'todo' is no consent: say in words how"):
        export_model(_project(tmp_path), "a2b", tmp_path / "x.faceit")
    assert not (tmp_path / "x.faceit").exists()
def test_a_model_of_one_person_twice_is_refused(shared, tmp_path):
    contents = _contents(shared[1])
    about = json.loads(contents[MODEL])
    about["people"]["b"] = about["people"]["a"]
    file = _write(tmp_path / "x", {**contents, MODEL: json.dumps(about).encode()})
    _refused(file, tmp_path / "root", "both people are")


def test_two_exports_or_imports_of_one_name_take_turns(shared, tmp_path):
    sender, file = shared
    out = tmp_path / "out" / "a2b.faceit"
    with (only_one(out.with_name(".a2b.faceit.lock"), "held"),
          pytest.raises(FaceitError, match=r"a2b.faceit is being written by another process \(\d+\)")):  # fmt: skip
        export_model(sender, "a2b", out)
    assert export_model(sender, "a2b", out) == out and [path.name for path in out.parent.iterdir()] == ["a2b.faceit"]
    receiver = _project(tmp_path)
    with (only_one(tmp_path / "models" / ".a2b.lock", "held"),
          pytest.raises(FaceitError, match=r"models/a2b is being made by another process")):  # fmt: skip
        import_model(receiver, file)
    import_model(receiver, file)
    assert [path.name for path in (tmp_path / "models").iterdir()] == ["a2b"]


def test_what_a_killed_import_has_left_goes_with_the_next_one(shared, tmp_path):
    models = tmp_path / "models"
    for name, file in ((".gone.part", WEIGHTS), (".mine.part", "thesis.txt"), (".busy.part", WEIGHTS)):
        (models / name).mkdir(parents=True)
        (models / name / file).write_bytes(b"half")
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / WEIGHTS).write_bytes(b"precious")
    (models / ".link.part").symlink_to(tmp_path / "elsewhere", target_is_directory=True)
    with only_one(models / ".busy.lock", "held"):
        import_model(_project(tmp_path), shared[1])
    left = {path.name for path in models.iterdir()} - {".busy.lock"}
    assert left == {"a2b", ".mine.part", ".busy.part", ".link.part"}
    assert (tmp_path / "elsewhere" / WEIGHTS).read_bytes() == b"precious"


@pytest.mark.parametrize(("number", "step"), [(errno.ENOSPC, "free some space"), (errno.EROFS, "can be written")])
def test_a_disk_that_refuses_an_export_says_what_to_do(shared, tmp_path, monkeypatch, number, step):
    def refuse(*_):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "replace", refuse)
    with pytest.raises(FaceitError, match=f"x.faceit cannot be written .*{step}.*, or name another place"):
        export_model(shared[0], "a2b", tmp_path / "x.faceit")
    assert not list(tmp_path.iterdir())
