"""Options and arguments of the commands that read or change an access policy."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Final

import typer

Folder = Annotated[Path, typer.Option("--policy", metavar="DIR", help="The policy's folder.")]
User = Annotated[
    str, typer.Argument(metavar="USER", help="The user's name on the server, like alice.")
]
Role = Annotated[
    str, typer.Argument(metavar="ROLE", help="A role of the policy, like trainer or reviewer.")
]
By = Annotated[str, typer.Option("--by", metavar="NAME", help="Your own name, like adam.")]
Domain = Annotated[
    str, typer.Option("--domain", metavar="NAME", help="The workspace or environment, like prod.")
]
FOLDER: Final = Path("access")
