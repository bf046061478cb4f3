"""The front door: the verbs, and for everything else the Hydra app. Light, so that --help is quick."""

import os
import signal
import sys
from types import FrameType
from typing import NoReturn

from srbench.core.errors import FailedRunError

VERBS = ("report", "status", "resize", "profile", "export", "score", "upscale", "data", "verify", "explain")


def main() -> None:
    """Exits with 0 done, 1 a run failed, 2 the user's mistake, 130 interrupted."""
    signal.signal(signal.SIGTERM, _interrupt)
    wants_tracebacks = os.environ.get("HYDRA_FULL_ERROR") == "1"
    try:
        if len(sys.argv) > 1 and sys.argv[1] in VERBS:
            from srbench.cli import verbs

            getattr(verbs, sys.argv[1])(sys.argv[2:])
        else:
            from srbench.cli import app

            app.main()
    except KeyboardInterrupt:
        _leave(130, "interrupted; the same command goes on from here")
    except BrokenPipeError:  # whoever read the output has left; Python would complain once more when it ends
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        _leave(1, "")
    except FailedRunError as error:
        _leave(1, str(error))
    except Exception as error:
        from srbench.experiments.messages import explain

        line = explain(error)
        if line is None or wants_tracebacks:
            raise
        _leave(2, line)


def _interrupt(number: int, frame: FrameType | None) -> NoReturn:
    raise KeyboardInterrupt


def _leave(status: int, line: str) -> NoReturn:
    if line:
        print(f"srbench: {line}", file=sys.stderr)
    raise SystemExit(status)


if __name__ == "__main__":
    main()
