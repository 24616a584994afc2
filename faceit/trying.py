"""What doctor tries in processes of their own says, before each step, which library it is going to try.

A library may end its process without a word (an instruction that the processor lacks), so the step is printed first;
``last_try`` finds it in what such a process left behind.
"""

START = "start"  # the step of importing a library
MARK = "trying: "


def trying(library: str, step: str = START) -> None:
    """Say that a ``library``, by the name of its module, is tried next: its ``step`` goes on after "cannot"."""
    print(f"\n{MARK}{library} {step}", flush=True)


def last_try(output: str) -> tuple[str, str] | None:
    """(library, step) of the last try in what a process printed; None without any."""
    tries = [line for line in output.splitlines() if line.startswith(MARK)]
    if not tries:
        return None
    library, _, step = tries[-1].removeprefix(MARK).partition(" ")
    return library, step
