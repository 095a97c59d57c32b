"""`serve`: the pages for a team and its visitors; `invite`: a link for somebody without an account."""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from pathlib import Path
from urllib.parse import urlsplit

from core import access, paths, wording
from core.access import invitations
from core.cli.verbs import Verb, flag
from core.errors import BadInput

text = wording.page("cli")
access_text = wording.page("access")


def run(arguments: argparse.Namespace) -> None:
    """Start the server in the place of this process."""
    command = command_of(arguments)
    if os.name == "nt":  # there, a process that is replaced lets go of the terminal
        raise SystemExit(subprocess.call(command))
    os.execv(command[0], command)


def command_of(arguments: argparse.Namespace) -> list[str]:
    """What is run; the environment that goes with it is set in this process.

    Raises:
        BadInput: the flags, the settings or the secrets cannot be used together.
    """
    for name, value in {
        "FUSIONSCOPE_ACCESS": arguments.access,
        "FUSIONSCOPE_HOSTS": arguments.hosts,
        "FUSIONSCOPE_ROOTS": os.pathsep.join(arguments.root),
        "FUSIONSCOPE_LOG": arguments.log,
    }.items():
        if value:
            paths.set_variable(name, value)
    settings = access.settings()
    is_here = arguments.address in {"127.0.0.1", "::1", "localhost"}
    if settings.mode == "local" and not is_here:
        raise BadInput(access_text("error.no_role"))
    base = arguments.base_path.strip("/")
    if any(part in {"", ".", ".."} for part in base.split("/")) and base:
        raise BadInput(text("error.base_path", path=repr(arguments.base_path)))
    secrets = Path(arguments.secrets).expanduser() if arguments.secrets else paths.home() / "secrets.toml"
    if arguments.secrets and not secrets.is_file():
        raise BadInput(text("error.no_secrets", file=secrets))
    most = settings.limits.upload_mb if settings.mode != "local" else 200
    command = [sys.executable, "-m", "streamlit", "run", str(paths.REPOSITORY / "app.py")]
    command += [f"--server.address={arguments.address}", f"--server.port={arguments.port}", "--server.headless=true"]
    command += ["--server.fileWatcherType=none", "--browser.gatherUsageStats=false", "--client.showErrorDetails=none"]
    command += [f"--server.maxUploadSize={max(most, 1)}", "--server.disconnectedSessionTTL=120"]
    command += [f"--server.baseUrlPath={base}"] if base else []
    command += [f"--secrets.files={secrets}"] if secrets.is_file() else []
    return command


def invite(arguments: argparse.Namespace) -> None:
    """Print a link, or end every link that was given out."""
    if arguments.end_all:
        invitations.end_all()
        print(text("sentence.invitations_ended"))
        return
    address = urlsplit(arguments.url)
    if address.scheme not in {"http", "https"} or not address.netloc:
        raise BadInput(text("error.invite_url", url=repr(arguments.url)))
    token = invitations.make(arguments.days, arguments.label)
    print(f"{arguments.url.rstrip('/')}/enter/{token}")


SERVE = Verb(
    "serve",
    text("phrase.serve"),
    run,
    (
        flag("--access", choices=access.MODES, default="", help=text("flag.access")),
        flag("--address", default="127.0.0.1", help=text("flag.address")),
        flag("--port", type=int, default=8501, help=text("flag.port")),
        flag("--base-path", default="", metavar="PATH", help=text("flag.base_path")),
        flag("--hosts", default="", metavar="NAME,…", help=text("flag.hosts")),
        flag("--root", action="append", default=[], metavar="FOLDER", help=text("flag.root")),
        flag("--secrets", default="", metavar="FILE", help=text("flag.secrets")),
        flag("--log", choices=["plain", "json"], default="", help=text("flag.log")),
    ),
)
INVITE = Verb(
    "invite",
    text("phrase.invite"),
    invite,
    (
        flag("--url", default="", help=text("flag.invite_url")),
        flag("--days", type=float, default=7.0, help=text("flag.invite_days")),
        flag("--label", default="", help=text("flag.invite_label")),
        flag("--end-all", action="store_true", help=text("flag.end_all")),
    ),
)
