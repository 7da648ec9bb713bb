"""The options of `python -m firmware_sim`, each with the help that a reader sees.

Serves the command line. Promises nothing but words and bounds; what they do is in `__main__.py`.
"""

from pathlib import Path
from typing import Annotated

import typer

Phones = Annotated[int, typer.Option(min=1, help="How many, ids tgd-86-01 and on.")]
Addresses = Annotated[
    str, typer.Option(help="mqtt:// or mqtts:// addresses, comma-separated, tried in turn.")
]
Http = Annotated[str | None, typer.Option(help="The server's root: presses go by HTTPS as well.")]
Token = Annotated[str | None, typer.Option(help="Bearer token of every phone.")]
Tokens = Annotated[Path | None, typer.Option(help='TOML file of lines tgd-86-01 = "token".')]
Password = Annotated[
    str | None, typer.Option(help="MQTT password of every phone; the user is the id.")
]
Passwords = Annotated[Path | None, typer.Option(help='TOML file of lines tgd-86-01 = "password".')]
Authority = Annotated[
    Path | None, typer.Option(help="Certificate authority of broker and server (PEM).")
]
Enrolled = Annotated[
    Path | None,
    typer.Option(help="Folder of what tgd phones enrol --json wrote: these phones, and no others."),
]
Story = Annotated[
    Path | None,
    typer.Option(
        help="TOML file of steps; ends when its presses are receipted. pydoc firmware_sim.scenario"
        " describes it."
    ),
]
PressRate = Annotated[
    float | None,
    typer.Option(min=0.001, help="A storm: presses a second over all; once each, or --duration."),
]
Duration = Annotated[
    float | None, typer.Option(min=0.0, help="Seconds of storm; without a storm, until all ends.")
]
Settle = Annotated[float, typer.Option(min=0.0, help="Seconds to wait for the last receipts.")]
Seed = Annotated[int, typer.Option(help="The same seed, the same places and faults.")]
Folder = Annotated[
    Path | None, typer.Option(help="Folder of the phones' memories; none: in memory only.")
]
Quiet = Annotated[bool, typer.Option("--quiet", help="Print no events.")]
Control = Annotated[
    bool,
    typer.Option(
        "--control",
        help="For programs: orders as JSON lines on standard input (a pipe), events as JSON lines"
        " on standard output; ends with its input.",
    ),
]
