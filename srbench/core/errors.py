"""The exceptions that end in one line instead of a traceback."""


class UserError(Exception):
    """A mistake that the user can fix, told in one line: where, what, and the fix. The command ends with status 2."""


class FailedRunError(Exception):
    """A run that cannot go on, through nobody's mistake; one line says why. The command ends with status 1."""


class LostProcessError(FailedRunError):
    """A run that cannot go on, as another process that it needs has ended; another time it may end well."""


def first_line(error: BaseException) -> str:
    """The first line of what an exception says; its type's name where it says nothing."""
    return next(iter(str(error).splitlines()), "") or type(error).__name__


def first_line_with_type(error: BaseException) -> str:
    """The same with the type before it: what a user's own code raises is looked up by that."""
    return f"{type(error).__name__}: {next(iter(str(error).splitlines()), '')}"
