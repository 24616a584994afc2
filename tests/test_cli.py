"""The command line: what it says, where it says it, and with which exit code."""

import errno
import os
import re
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from faceit import __version__
from faceit.cli import COMMANDS, main
from faceit.config.setting import options_of
from faceit.config.settings import ConvertSettings, ModelSettings, TrainSettings

ROOT = Path(__file__).parents[1]
HEAVY = ("tensorflow", "keras", "torch", "dlib", "moviepy", "yt_dlp", "av", "skimage", "matplotlib", "c2pa")


def run(*words, cwd, env=None, **more):
    """A command in a process of its own."""
    environment = os.environ | {"PYTHONPATH": str(ROOT)} | (env or {})
    return subprocess.run([sys.executable, *words], cwd=cwd, env=environment, capture_output=True, text=True, **more)


@pytest.fixture
def project(tmp_path, monkeypatch):
    """A folder with the example's faceit.yaml, where one stands."""
    monkeypatch.chdir(tmp_path)
    assert main(["init"]) == 0
    return tmp_path


@pytest.fixture
def complaint(capfd):
    """A function: words -> the one line on stderr that they end with, exit code 1."""

    def line(*words) -> str:
        capfd.readouterr()
        assert main([str(word) for word in words]) == 1
        said = capfd.readouterr()
        assert said.out == ""
        assert said.err.startswith("faceit: ") and said.err.count("\n") == 1 and said.err.endswith("\n")
        return said.err.removeprefix("faceit: ").rstrip()

    return line


def usage(capfd, *words) -> str:
    """What wrong usage is told on stderr, exit code 2."""
    with pytest.raises(SystemExit) as caught:
        main(list(words))
    assert caught.value.code == 2
    said = capfd.readouterr()
    assert said.out == "" and "Traceback" not in said.err
    return said.err


# ---- lightness ----


def test_help_imports_nothing_that_takes_time(tmp_path):
    code = (
        "import sys\nfrom faceit.cli import main\n"
        "try:\n    main(['--help'])\nexcept SystemExit as e:\n    assert e.code == 0\n"
        f"print('LOADED', [m for m in {(*HEAVY, 'numpy', 'cv2', 'yaml', 'tqdm')!r} if m in sys.modules])"
    )
    done = run("-c", code, cwd=tmp_path)
    assert "LOADED []" in done.stdout and done.stdout.startswith("usage: faceit.py")
    for command in ("init", "status", "preprocess", "faces", "train", "convert", "export", "import", "demo"):
        assert f"    {command} " in done.stdout


@pytest.mark.parametrize("command", ["init", "status"])
def test_looking_imports_no_network_and_no_detector(tmp_path, command):
    main(["init", "--config", str(tmp_path / "faceit.yaml")])
    file = "new.yaml" if command == "init" else "faceit.yaml"
    code = (
        f"import sys\nfrom faceit.cli import main\nassert main(['{command}', '--config', '{file}']) == 0\n"
        f"print('LOADED', [m for m in {HEAVY!r} if m in sys.modules])"
    )
    assert "LOADED []" in run("-c", code, cwd=tmp_path).stdout


@pytest.mark.parametrize("door", [[str(ROOT / "faceit.py")], ["-m", "faceit"]])
def test_both_doors_lead_in(tmp_path, door):
    done = run(*door, "--version", cwd=tmp_path)
    assert (done.returncode, done.stdout) == (0, f"faceit {__version__}\n")
    done = run(*door, "status", cwd=tmp_path)
    assert done.returncode == 1 and done.stderr.startswith("faceit: ") and done.stdout == ""


# ---- wrong usage ----


def test_wrong_usage_exits_2(capfd):
    assert "required: COMMAND" in usage(capfd)
    assert "invalid choice: 'trian'" in usage(capfd, "trian")
    assert "required: NAME" in usage(capfd, "train")
    assert "required: VIDEO" in usage(capfd, "convert", "a_to_b")
    assert "required: FILE" in usage(capfd, "export", "a_to_b")
    assert "unrecognized arguments: --fast" in usage(capfd, "train", "x", "--fast")
    assert "invalid choice: 'heavy'" in usage(capfd, "train", "x", "--preset", "heavy")
    assert "not allowed with" in usage(capfd, "convert", "x", "v", "--end", "3", "--duration", "2")
    assert "not allowed with" in usage(capfd, "train", "x", "--minutes", "3", "--iterations", "2")


def test_every_command_is_run_by_something_and_explains_itself(capfd):
    known = usage(capfd, "trian").split("choose from")[1]
    assert re.findall(r"\w+", known) == list(COMMANDS)
    for command in COMMANDS:
        with pytest.raises(SystemExit) as caught:
            main([command, "--help"])
        assert caught.value.code == 0 and f"usage: faceit.py {command} " in capfd.readouterr().out


@pytest.mark.parametrize("command", ["train", "convert"])
def test_the_help_explains_every_setting_that_the_command_takes(command, capfd, monkeypatch):
    monkeypatch.setenv("COLUMNS", "1000")
    with pytest.raises(SystemExit):
        main([command, "--help"])
    said = capfd.readouterr().out
    kinds = (TrainSettings, ModelSettings) if command == "train" else (ConvertSettings,)
    for setting in (each for kind in kinds for each in options_of(kind)):
        assert re.search(rf"^  {setting.flag} ?\S*\s+{re.escape(setting.help)}", said, re.MULTILINE), setting.name
        assert not setting.choices or ", ".join(setting.choices) in said or f"{{{','.join(setting.choices)}}}" in said


def test_a_setting_that_the_command_line_gives_is_checked_like_the_yaml(project, complaint):
    (project / "models" / "anna_to_ben").mkdir(parents=True)
    (project / "models" / "anna_to_ben" / "model.json").write_text("{}")
    for words, said in {
        ("--color", "purple"): "--color: 'purple' is not one of light, none",
        ("--crf", "52"): "--crf: 52 is out of range; take 0 to 51",
        ("--max-yaw", "5"): "--max-yaw: 5.0 is out of range; take 10 to 90",
        ("--height", "10"): "--height: 10 is out of range; take 64 to 8640",
    }.items():
        assert complaint("convert", "anna_to_ben", "v.mp4", *words) == said
    assert complaint("train", "anna_to_ben", "--snapshots", "1001").startswith("--snapshots: 1001 is out of range")


@pytest.mark.parametrize("words", ["train x --minutes", "demo --minutes"])
@pytest.mark.parametrize("value", ["abc", "0", "-1", "nan", "inf", "1e9", "", "1000000"])
def test_minutes_that_are_none(capfd, words, value):
    said = usage(capfd, *words.split()[:-1], f"--minutes={value}")
    assert f"expected 0.01 to 100000 minutes, not '{value}'" in said


@pytest.mark.parametrize("option", ["--iterations", "--batch-size"])
@pytest.mark.parametrize("value", ["abc", "", "-1", "1.5", "9" * 5000])
def test_counts_that_are_none(capfd, option, value):
    assert "expected a whole number from 1 on" in usage(capfd, "train", "x", f"{option}={value}")
    assert "expected a whole number from 1 on" in usage(capfd, "train", "x", "--batch-size=0")


@pytest.mark.parametrize("value", ["abc", "-1", "1:75", "nan"])
def test_times_that_are_none(capfd, value):
    assert "expected seconds or minutes:seconds" in usage(capfd, "convert", "x", "v", f"--start={value}")


def test_a_home_folder_that_is_none(capfd):
    assert "no such home folder" in usage(capfd, "status", "--config", "~nobody-of-this-name/faceit.yaml")


# ---- sentences ----


def test_a_new_user_without_a_project_is_told_what_to_do(tmp_path, monkeypatch, complaint):
    monkeypatch.chdir(tmp_path)
    for words in (["status"], ["preprocess", "x"], ["train", "x"], ["convert", "x", "v.mp4"]):
        assert complaint(*words) == (
            f"{tmp_path / 'faceit.yaml'} is not there: write one with `python faceit.py init`, "
            "or name yours with --config."
        )


def test_an_unknown_swap_names_the_nearest(project, complaint):
    for words in (["preprocess", "anna_to_bem"], ["train", "anna_to_bem"], ["convert", "anna_to_bem", "v.mp4"]):
        said = complaint(*words)
        assert "no swap 'anna_to_bem'" in said and said.endswith("did you mean anna_to_ben?")
    assert "no person 'bem'; did you mean ben?" in complaint("preprocess", "--person", "bem")


def test_a_model_that_came_from_elsewhere_is_near_too(project, complaint):
    (project / "models" / "obama_to_ford").mkdir(parents=True)
    (project / "models" / "obama_to_ford" / "model.json").write_text("{}")
    assert "did you mean obama_to_ford?" in complaint("convert", "obama_to_frod", "v.mp4")


def test_steps_out_of_order_say_which_comes_first(project, complaint):
    assert "anna.jpg is not there" in complaint("preprocess", "anna_to_ben")
    assert "preprocess" in complaint("train", "anna_to_ben")
    assert "train anna_to_ben" in complaint("convert", "anna_to_ben", "v.mp4")


def test_who_is_to_be_preprocessed(project, complaint, monkeypatch):
    asked = []
    monkeypatch.setattr("faceit.preprocess.run.preprocess", lambda project, people: asked.append(people))
    for words in (["anna_to_ben"], ["ben"], ["--person", "ben"], ["anna_to_ben", "--person", "ben"],
                  ["--person", "ben", "--person", "anna", "--person", "ben"]):  # fmt: skip
        assert main(["preprocess", *words]) == 0
    assert [[person.name for person in people] for people in asked] == [
        ["anna", "ben"], ["ben"], ["ben"], ["ben"], ["ben", "anna"],
    ]  # fmt: skip
    assert complaint("preprocess") == "Name a swap (anna_to_ben), or people with --person."
    assert "ben is not in anna" in complaint("preprocess", "anna", "--person", "ben")


def test_the_command_line_is_over_the_yaml(project, monkeypatch):
    asked = []
    monkeypatch.setattr("faceit.train.run.train", lambda _p, _s, _preset, settings: asked.append(settings))
    text = (project / "faceit.yaml").read_text().replace("# train: {minutes: 30}", "train: {iterations: 50, seed: 4}")
    (project / "faceit.yaml").write_text(text)
    for words in ([], ["--minutes", "2"], ["--iterations", "7", "--batch-size", "3"]):
        assert main(["train", "anna_to_ben", *words]) == 0
    said = [(s.minutes, s.iterations, s.batch_size, s.seed) for s in asked]
    assert said == [(None, 50, None, 4), (2.0, None, None, 4), (None, 7, 3, 4)]


def test_the_length_of_a_conversion(project, monkeypatch, complaint):
    (project / "models" / "anna_to_ben").mkdir(parents=True)
    asked = []

    def convert(project, task, *more):
        asked.append((task.start, task.end))
        return SimpleNamespace(output=Path(task.video), is_video=True, missing="")

    monkeypatch.setattr("faceit.convert.run.convert", convert)
    for words in ([], ["--start", "0:10", "--duration", "5"], ["--end", "1:00"], ["--duration", "5"]):
        assert main(["convert", "anna_to_ben", "v.mp4", *words]) == 0
    assert asked == [(None, None), (10.0, 15.0), (None, 60.0), (None, 5.0)]
    assert "not after the start" in complaint("convert", "anna_to_ben", "v.mp4", "--start", "9", "--end", "9")
    assert "--output is a folder" in complaint("convert", "anna_to_ben", "a.mp4", "b.mp4", "--output", "x.mp4")


def test_one_bad_video_of_three_does_not_stop_the_others(project, monkeypatch, capfd):
    from faceit.errors import MediaError

    asked = []

    def convert(project, task, *more):
        asked.append(task.video)
        if task.video == "b.mp4":
            raise MediaError("b.mp4 is\nno video")
        return SimpleNamespace(output=Path(task.video), is_video=True, missing="")

    monkeypatch.setattr("faceit.convert.run.convert", convert)
    monkeypatch.setattr("faceit.convert.several.check_apart", lambda *given: None)  # there is no model
    assert main(["convert", "anna_to_ben", "a.mp4", "b.mp4", "c.mp4"]) == 1
    assert asked == ["a.mp4", "b.mp4", "c.mp4"]
    out, err = capfd.readouterr()
    assert out.endswith("`python faceit.py evaluate anna_to_ben a.mp4` measures it and writes a report.\n")
    assert err.splitlines() == [
        "faceit: b.mp4 is no video", "faceit: 1 of 3 videos could not be converted; see above.",
    ]  # fmt: skip


def test_a_python_without_the_libraries_is_a_sentence(project, monkeypatch, complaint):
    monkeypatch.setitem(sys.modules, "yaml", None)
    monkeypatch.delitem(sys.modules, "faceit.config.project_file", raising=False)
    assert f"yaml is not installed for {sys.executable}: " in complaint("status")
    monkeypatch.setitem(sys.modules, "faceit.checkup.status", None)
    with pytest.raises(ModuleNotFoundError):  # that is a bug, and keeps its traceback
        main(["init"])


def test_a_name_that_climbs_out(project, complaint):
    for words in (["convert", "../x", "v.mp4"], ["export", "../x", "f.zip"]):
        assert "cannot be a swap's name" in complaint(*words)


def test_the_yaml_may_be_anywhere_with_spaces_and_umlauts(tmp_path, monkeypatch, capfd):
    monkeypatch.chdir(tmp_path)
    file = tmp_path / "mein Gesicht ü" / "swap 1.yaml"
    assert main(["init", "--config", str(file)]) == 0
    assert main(["--config", "mein Gesicht ü/swap 1.yaml", "status"]) == 0  # before the command or after it
    said = capfd.readouterr().out
    assert str(file) in said and str(file.parent / "data" / "persons" / "anna.jpg") in said
    assert [path.name for path in tmp_path.iterdir()] == ["mein Gesicht ü"]


def test_no_place_for_config_undoes_the_other(project, complaint):
    assert "no.yaml is not there" in complaint("--config", "no.yaml", "status")
    assert "no.yaml is not there" in complaint("status", "--config", "no.yaml")


@pytest.mark.parametrize("words", [["--debug", "status"], ["status", "--debug"]])
def test_debug_shows_where_it_happened(tmp_path, words):
    done = run("-m", "faceit", *words, cwd=tmp_path)
    assert done.returncode == 1
    assert "Traceback" in done.stderr and "ConfigError" in done.stderr


def test_no_code_is_taken_from_the_folder_of_a_project(tmp_path):
    (tmp_path / "yaml.py").write_text("open('taken', 'w')")
    assert "faceit.yaml is not there" in run("-m", "faceit", "status", cwd=tmp_path).stderr
    assert not (tmp_path / "taken").exists()


def test_a_traceback_tells_no_secrets(status_raises, capsys):
    url = "http://user:hunter2@host.org/talk.mp4?token=SECRET"
    status_raises(ValueError(f"{url}: retries exceeded with url: /talk.mp4?token=SECRET \x1b[2J"))
    with pytest.raises(ValueError, match="SECRET") as caught:
        main(["--debug", "status"])
    sys.excepthook(caught.type, caught.value, caught.tb)
    said = capsys.readouterr().err
    assert "Traceback" in said and "http://host.org/talk.mp4?token=..." in said
    assert not any(secret in said for secret in ("hunter2", "SECRET", "\x1b"))


# ---- the world ----


@pytest.fixture
def status_raises(project, monkeypatch):
    """A function: the error that `status` is to meet."""

    def meet(error):
        def status(project):
            raise error

        monkeypatch.setattr("faceit.checkup.status.status", status)

    return meet


def test_ctrl_c_is_a_normal_way_to_stop(status_raises, monkeypatch, capfd):
    status_raises(KeyboardInterrupt())
    assert main(["status"]) == 130
    assert capfd.readouterr().err == "\nStopped. Nothing half-written is left.\n"

    def preprocess(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr("faceit.preprocess.run.preprocess", preprocess)
    assert main(["preprocess", "anna_to_ben"]) == 130
    assert capfd.readouterr().err == "\nStopped. The same command goes on from here.\n"


@pytest.mark.parametrize(
    ("code", "words"),
    [(errno.ENOSPC, "the disk is full"), (errno.EDQUOT, "quota"), (errno.EROFS, "only be read"),
     (errno.EACCES, "no permission"), (errno.ENOTDIR, "a file is where a folder should be"),
     (errno.EMFILE, "too many files are open: raise the limit")],
)  # fmt: skip
def test_a_disk_that_refuses_is_a_sentence(status_raises, complaint, code, words):
    status_raises(OSError(code, "x", "models/a/weights"))
    assert words in complaint("status") and "models/a/weights" in complaint("status")
    status_raises(OSError(code, "x"))
    assert words in complaint("status")


def test_a_bug_keeps_its_traceback(status_raises):
    status_raises(OSError(errno.EBADF, "bad file descriptor"))
    with pytest.raises(OSError, match="bad file descriptor"):
        main(["status"])
    status_raises(ValueError("a bug"))
    with pytest.raises(ValueError, match="a bug"):
        main(["status"])


def test_a_file_where_the_folder_should_be(tmp_path, complaint):
    (tmp_path / "file").touch()
    assert "a file is where a folder should be" in complaint("init", "--config", tmp_path / "file" / "faceit.yaml")


def test_a_reader_that_left_is_no_traceback(project):
    reader, writer = os.pipe()
    os.close(reader)
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, "-m", "faceit", "status"], stdout=writer, stderr=subprocess.PIPE, env=environment, check=False
    )
    os.close(writer)
    assert (done.returncode, done.stderr) == (1, b"")


def test_a_terminal_that_cannot_spell_a_name_is_no_traceback(project):
    text = (project / "faceit.yaml").read_text(encoding="utf-8").replace('"my own face"', '"Zoë 😀"')
    (project / "faceit.yaml").write_text(text, encoding="utf-8")
    done = run("-m", "faceit", "status", cwd=project, env={"PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0"})
    assert done.returncode == 0 and "Zo\\xeb" in done.stdout


def test_what_a_terminal_would_obey_is_escaped_in_complaints_and_answers(project, complaint, capfd):
    file = project / "faceit.yaml"
    said = complaint("convert", "x\x1b]0;owned\x07\u202e", "talk.mp4")
    assert said.isprintable() and "\\x1b]0;owned" in said
    file.write_text(file.read_text().replace("\npeople:", "\n\"pe\\e[2Jople\": 1\npeople:", 1))
    assert complaint("status").isprintable()
    (project / "models" / "old").mkdir(parents=True)
    (project / "models" / "old" / "model.json").write_text('{"format": "\\u001b[2J"}')
    file.unlink()
    assert main(["init"]) == 0 and main(["status"]) == 0
    assert "\x1b" not in capfd.readouterr().out
