"""For doctor: a trial in a separate process announces before each step which library it is about to try.

A library may crash its process without a message (an instruction that the processor lacks), so the step is printed
first; ``last_try`` finds it in the process's output.
"""

START = "start"  # the step of importing a library
MARK = "trying: "


def trying(library: str, step: str = START) -> None:
    """Announce that a ``library`` (its module's name) is tried next; ``step`` completes the phrase "cannot ..."."""
    print(f"\n{MARK}{library} {step}", flush=True)


def last_try(output: str) -> tuple[str, str] | None:
    """(library, step) of the last trial announced in a process's output; None if there is none."""
    tries = [line for line in output.splitlines() if line.startswith(MARK)]
    if not tries:
        return None
    library, _, step = tries[-1].removeprefix(MARK).partition(" ")
    return library, step
