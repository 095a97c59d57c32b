"""ACTIONS: everything that changes, reads or costs something on the server, and the least role that may do it.

A control or a function names its action; who may use it stands here alone.
"""

from __future__ import annotations

from dataclasses import dataclass

from core import wording
from core.registry import Registry

text = wording.page("access")

ROLES = ("nobody", "guest", "member", "owner")
"""From the least to the most; each may do all that those before it may."""


@dataclass(frozen=True)
class Action:
    """One thing that somebody may do.

    Attributes:
        name: as code says it, "dataset.add".
        role: the least role that may.
        title: a verb with its object, for the sentence "Owners can …".
    """

    name: str
    role: str
    title: str

    def allows(self, role: str) -> bool:
        """Whether somebody of that role may."""
        return ROLES.index(role) >= ROLES.index(self.role)


ACTIONS: Registry[Action] = Registry("action")

for _role, _names in {
    "guest": ("look", "work", "query.upload", "report.make"),
    "member": (
        "fusion.save",
        "fusion.train",
        "story.save",
        "study.save",
        "judge",
        "judgement.import",
        "calibration.save",
    ),
    "owner": (
        "dataset.add",
        "dataset.change",
        "dataset.remove",
        "dataset.private",
        "path.browse",
        "vectors.attach",
        "embed",
        "study.run",
        "backbone.add",
        "backbone.measure",
        "store.repair",
        "job.stop",
        "cache.clear",
    ),
}.items():
    for _name in _names:
        ACTIONS.add(Action(_name, _role, text(f"phrase.{_name.replace('.', '_')}")))


def table() -> list[dict[str, str]]:
    """A row per action and a column per role, as people read it."""
    return [
        {text("column.action"): action.title}
        | {text(f"column.{role}"): "✓" if action.allows(role) else "" for role in ROLES[1:]}
        for action in ACTIONS
    ]
