"""Who is acting now, and whether they may. Functions that change something say so with `gated`.

On one's own machine and on the command line everybody is an owner. A server tells this module whom it serves with
`ask_with`; from then on, whoever cannot be told is nobody.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import ParamSpec, TypeVar

from core import wording
from core.access.actions import ACTIONS
from core.errors import NotAllowed

text = wording.page("access")
P = ParamSpec("P")
T = TypeVar("T")


@dataclass(frozen=True)
class Visitor:
    """Somebody who acts.

    Attributes:
        role: one of `ROLES`.
        name: as their account says; "" for a guest and on one's own machine.
        key: tells visitors apart where rates are counted; never shown.
    """

    role: str
    name: str = ""
    key: str = ""

    @property
    def is_owner(self) -> bool:
        """Whether nothing is hidden from them."""
        return self.role == "owner"


OWNER = Visitor("owner")
NOBODY = Visitor("nobody")
GATED: dict[str, str] = {}
"""Full name of each function behind a gate → its action; a test tries each as each role."""
_ACTING: ContextVar[Visitor | None] = ContextVar("visitor", default=None)
_ask: Callable[[], Visitor] | None = None


def ask_with(ask: Callable[[], Visitor] | None) -> None:
    """Let a server say who is acting, where no `acting` block does; None: everybody is an owner again."""
    global _ask
    _ask = ask


def is_serving() -> bool:
    """Whether a server in this process says who acts."""
    return _ask is not None


def current() -> Visitor:
    """Who is acting."""
    acting_now = _ACTING.get()
    if acting_now is not None:
        return acting_now
    return OWNER if _ask is None else _ask()


@contextmanager
def acting(visitor: Visitor) -> Iterator[None]:
    """What happens in this block is done for a visitor: a request of a route, a job that they started."""
    token = _ACTING.set(visitor)
    try:
        yield
    finally:
        _ACTING.reset(token)


def may(action: str) -> bool:
    """Whether whoever acts now may do this."""
    return ACTIONS[action].allows(current().role)


def refusal(action: str) -> str:
    """The sentence for somebody who may not."""
    wanted = ACTIONS[action]
    return text("error.not_allowed", who=text(f"option.{wanted.role}"), action=wanted.title)


def require(action: str) -> None:
    """Go on only for somebody who may.

    Raises:
        NotAllowed: the sentence says who may.
    """
    if not may(action):
        raise NotAllowed(refusal(action))


def gated(action: str) -> Callable[[Callable[P, T]], Callable[P, T]]:
    """Decorator: the function asks first whether whoever acts may do this."""

    def wrap(function: Callable[P, T]) -> Callable[P, T]:
        """The same function, behind the question."""

        @functools.wraps(function)
        def guarded(*args: P.args, **kwargs: P.kwargs) -> T:
            require(action)
            return function(*args, **kwargs)

        GATED[f"{function.__module__}.{function.__qualname__}"] = ACTIONS[action].name
        return guarded

    return wrap
