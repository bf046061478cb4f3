"""The front door: the verbs, and for everything else the Hydra app. Light, so that --help is quick."""

import signal
import sys
from types import FrameType
from typing import NoReturn

from srbench.errors import UserError

VERBS = ("report", "status", "resize")


def main() -> None:
    """Exits with 0 done, 1 a run failed, 2 the user's mistake, 130 interrupted."""
    signal.signal(signal.SIGTERM, _interrupt)
    try:
        if len(sys.argv) > 1 and sys.argv[1] in VERBS:
            from srbench import verbs

            getattr(verbs, sys.argv[1])(sys.argv[2:])
        else:
            _hydra()
    except UserError as error:
        _leave(2, str(error))
    except KeyboardInterrupt:
        _leave(130, "interrupted; the same command goes on from here")
    except BrokenPipeError:
        _leave(0, "")


def _hydra() -> None:
    import os

    wants_tracebacks = os.environ.get("HYDRA_FULL_ERROR") == "1"
    from hydra.errors import HydraException
    from omegaconf.errors import OmegaConfBaseException

    from srbench import app

    try:
        app.main()
    except (HydraException, OmegaConfBaseException) as error:
        if wants_tracebacks:
            raise
        from srbench.mistakes import explain

        _leave(2, explain(error))


def _interrupt(number: int, frame: FrameType | None) -> NoReturn:
    raise KeyboardInterrupt


def _leave(status: int, line: str) -> NoReturn:
    if line:
        print(f"srbench: {line}", file=sys.stderr)
    raise SystemExit(status)


if __name__ == "__main__":
    main()
