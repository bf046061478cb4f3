"""The one exception that is the user's to fix."""


class UserError(Exception):
    """A mistake that the user can fix, told in one line: where, what, and the fix. The command ends with status 2."""
