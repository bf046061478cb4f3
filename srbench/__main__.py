"""The front door: the verbs, and for everything else the Hydra app. Light, so that --help is quick."""

# Above `find_own_modules` is imported what Python has imported already: a file of the current folder could stand in for
# anything else.

import os
import sys

from srbench.core.current_folder import find_own_modules

DONE, FAILED, MISTAKEN, INTERRUPTED = 0, 1, 2, 130


def main() -> int:
    """Does what the command line asks for and returns the exit status: 0 done, 1 a run failed or something is wrong
    with what was looked at, 2 the user's mistake, 130 interrupted. Hydra exits by itself where it shows its help."""
    find_own_modules(sys.argv[1:])
    import signal

    from srbench.core.errors import FailedRunError
    from srbench.core.streams import replace_unknown_characters

    signal.signal(signal.SIGTERM, _interrupt)
    replace_unknown_characters()
    _quiet_decoders()
    wants_tracebacks = os.environ.get("HYDRA_FULL_ERROR") == "1"
    try:
        well = _all_is_well(sys.argv[1:])
        if sys.stdout is not None:  # None where the process was started with none
            sys.stdout.flush()  # here, where it is known what to do when nobody reads it
        return DONE if well else FAILED
    except KeyboardInterrupt as stop:
        return _told(INTERRUPTED, f"interrupted; {str(stop) or 'the same command goes on from here'}")
    except BrokenPipeError:  # whoever read the output has left; Python would complain once more when it ends
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return FAILED
    except FailedRunError as error:
        return _told(FAILED, str(error))
    except Exception as error:
        from srbench.experiments.messages import of_full_gpu, one_line

        status, line = MISTAKEN, one_line(error)
        if line is None:
            status, line = FAILED, of_full_gpu(error)
        if line is None or wants_tracebacks:
            raise
        return _told(status, line)


def _all_is_well(words: list[str]) -> bool:
    from srbench.cli.dispatch import calls_a_verb, perform

    if words == ["--version"]:
        from importlib.metadata import version

        print(f"srbench {version('srbench')}")
        return True
    if calls_a_verb(words):
        return perform(words)
    from srbench.cli import app

    app.run_app()
    return True


def _quiet_decoders() -> None:
    """Pillow and tifffile say on stderr what is odd in an image's tags; what matters srbench says."""
    import logging
    import warnings

    warnings.filterwarnings("ignore", module="PIL")
    logging.getLogger("tifffile").setLevel(logging.CRITICAL)


def _interrupt(number: int, frame: object) -> None:
    raise KeyboardInterrupt


def _told(status: int, line: str) -> int:
    from srbench.core.harmless import visible
    from srbench.core.lookups import hidden

    print(visible(f"srbench: {hidden(line)}"), file=sys.stderr)
    return status


if __name__ == "__main__":
    raise SystemExit(main())
