"""``python -m tgd`` and the console script ``tgd``: run a command, and fail in one clear line.

What our own code refuses is a line on standard error and exit code 1, without a traceback; a fault
of the program itself keeps its traceback, for whoever has to mend it. Usage errors are exit code 2.
"""

import sys

import typer

from tgd.cli.commands import app
from tgd.errors import TgdError
from tgd.log import redact


def main() -> None:
    """Run the command that the process was started with."""
    try:
        app(prog_name="tgd")
    except TgdError as error:
        typer.echo(f"tgd: {redact(str(error))}", err=True)
        sys.exit(1)


if __name__ == "__main__":
    main()
