"""What of the disk may be read: never devices, pipes or the system's own folders; for visitors only allowed folders."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from core import paths, wording
from core.access import visitor
from core.access.server_settings import settings
from core.errors import NotAllowed

text = wording.page("access")

_SYSTEM = tuple(Path(folder) for folder in ("/proc", "/sys", "/dev", "/run/secrets"))
"""What lies there is no collection of images: it never ends, or holds what others keep secret."""

_MEMORY = Path("/dev/shm")
"""A disk in memory, where people put images."""


def allowed(path: str | os.PathLike[str]) -> bool:
    """As `require`, as a yes or no."""
    try:
        require(path)
    except NotAllowed:
        return False
    return True


def require(path: str | os.PathLike[str]) -> Path:
    """A path, resolved, that may be read for whoever acts.

    Links are followed before it is looked at, so that none leads out of an allowed folder. On the command line and on
    one's own machine every file and folder may be read that is not the system's own.

    Raises:
        NotAllowed: the sentence says why not.
    """
    try:
        real = Path(os.path.realpath(os.path.expanduser(path)))
        mode = real.stat().st_mode
    except (OSError, ValueError):  # not there: whoever opens it says so, but nobody is told where it would lie
        real, mode = Path(os.path.realpath(os.path.expanduser(str(path).replace("\0", "")))), 0
    if any(real.is_relative_to(folder) for folder in _SYSTEM) and not real.is_relative_to(_MEMORY):
        raise NotAllowed(text("error.system_folder", path=path))
    if mode and not (stat.S_ISREG(mode) or stat.S_ISDIR(mode)):
        raise NotAllowed(text("error.device", path=path))
    roots = settings().roots if visitor.is_serving() else ()
    if roots and not any(real.is_relative_to(root) for root in (*roots, paths.home())):
        raise NotAllowed(text("error.outside", path=path, roots=", ".join(map(str, roots))))
    return real
