"""The answers of judges as they are kept: one file per judge, one line per click, by image content.

A line is on the disk before the next question counts, so a kill loses no click; a line that a kill cut is skipped.
Nothing is ever changed: what was taken back is a line too. Files of several judges, or of several machines, merge by
lying in one folder.
"""

from __future__ import annotations

import hashlib
import json
import math
import threading
import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote

from core import access, files, wording
from core.access import gated
from core.errors import BadInput, NotAllowed, StoreUnusable

access_text = wording.page("access")
CANNOT_TELL = math.nan
LONGEST_NAME = 60
LONGEST_FILE = 180
"""Characters of a file's name before it is cut: file systems take 255."""


@dataclass(frozen=True)
class Answer:
    """One click.

    Attributes:
        judge, session: who answered, in which comparison.
        query: content key of the query image, or "text:…" for a text query.
        images: content keys of what was shown.
        fits: per image 1.0 (fits), 0.0 (does not), NaN (cannot tell).
        better: of two rows: 1 the first, 0 equal, −1 the second, NaN cannot tell; None where images were judged.
        again: asked a second time to see whether the judge agrees with themselves; counts for nothing else.
        id, when: of the click; made when it is kept.
    """

    judge: str
    session: str
    query: str
    images: tuple[str, ...]
    fits: tuple[float, ...] = ()
    better: float | None = None
    again: bool = False
    id: str = field(default_factory=lambda: uuid.uuid4().hex[:16])
    when: str = field(default_factory=lambda: datetime.now(UTC).isoformat(timespec="seconds"))

    def as_record(self) -> dict[str, Any]:
        """As it stands in the file; "cannot tell" is null."""
        record: dict[str, Any] = {"id": self.id, "when": self.when, "session": self.session, "query": self.query}
        record["images"] = list(self.images)
        if self.better is None:
            record["fits"] = [_number(value) for value in self.fits]
        else:
            record["better"] = _number(self.better)
        return {**record, "again": True} if self.again else record

    @classmethod
    def of(cls, record: Mapping[str, Any], judge: str) -> Answer:
        """Read back what `as_record` made.

        Raises:
            KeyError, TypeError, ValueError: it is something else.
        """
        rows = "better" in record
        fits = () if rows else tuple(_value(value) for value in record["fits"])
        images = tuple(map(str, record["images"]))
        if not rows and len(fits) != len(images):
            raise ValueError("an answer for each image")
        return cls(
            judge,
            str(record["session"]),
            str(record["query"]),
            images,
            fits,
            _value(record["better"]) if rows else None,
            bool(record.get("again")),
            str(record["id"]),
            str(record["when"]),
        )


def _number(value: float) -> int | None:
    return None if math.isnan(value) else int(value)


def _value(value: Any) -> float:
    return CANNOT_TELL if value is None else float(value)


def check_judge(name: str) -> str:
    """The name of a judge, trimmed.

    Raises:
        BadInput: it is empty or too long.
    """
    name = " ".join("".join(c for c in name if c.isprintable()).split())
    if not name or len(name) > LONGEST_NAME:
        raise BadInput(f"A judge needs a name of 1 to {LONGEST_NAME} characters; it keeps the answers of people apart.")
    return name


def _require_own_name(judge: str) -> None:
    """A member of a server judges under the name of their account."""
    visitor = access.current()
    if not visitor.is_owner and judge != visitor.name:
        raise NotAllowed(access_text("error.name_of_another", name=repr(judge)))


class AnswerLog:
    """The answers in one folder. Several processes may write to it at once.

    Args:
        folder: of the files, made when the first answer is kept.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._lock = threading.Lock()
        self._files: dict[Path, _File] = {}

    @gated("judge")
    def keep(self, answers: Sequence[Answer]) -> None:
        """Append answers of one judge; they are on the disk when this returns.

        Raises:
            StoreUnusable: the folder cannot be written.
        """
        if answers:
            _require_own_name(answers[0].judge)
            self._append(answers[0].judge, [answer.as_record() for answer in answers])

    @gated("judge")
    def describe(self, session: str, record: Mapping[str, Any]) -> None:
        """Say once what a session compares, beside the answers: systems, seed, and all that fixes its order."""
        path = self.folder / "sessions" / f"{session}.json"
        try:
            if not path.exists():
                files.write_json(path, dict(record))
        except OSError as error:
            raise self._refused(error) from error

    def record(self, session: str) -> dict[str, Any]:
        """What `describe` said of a comparison; {} where nothing is known of it, as of answers from a file."""
        try:
            known = json.loads((self.folder / "sessions" / f"{Path(session).name}.json").read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return {}
        return known if isinstance(known, dict) else {}

    def _refused(self, error: OSError) -> StoreUnusable:
        return StoreUnusable(
            f"Answers cannot be kept in {self.folder}: {error.strerror or error}. Make room there, or set "
            "FUSIONSCOPE_HOME to a folder that can be written."
        )

    @gated("judge")
    def take_back(self, answer: Answer, request: str = "") -> None:
        """Undo one click: it counts for nothing any more.

        Args:
            request: names this wish, so that one that is sent twice is known again (`was_taken_back`).
        """
        _require_own_name(answer.judge)
        self._append(answer.judge, [{"undo": answer.id, **({"request": request} if request else {})}])

    def was_taken_back(self, judge: str, request: str) -> bool:
        """Whether this wish of a judge to undo a click was granted already."""
        path = self._path(check_judge(judge))
        with self._lock:
            if path.exists():
                self._of(path)
            return path in self._files and request in self._files[path].requests

    def _append(self, judge: str, records: Sequence[Mapping[str, Any]]) -> None:
        path = self._path(check_judge(judge))
        lines = [json.dumps(record, ensure_ascii=False) for record in records]
        try:
            if not path.exists():
                lines.insert(0, json.dumps({"judge": judge}, ensure_ascii=False))
            files.append_text(path, "\n".join(lines) + "\n")
        except OSError as error:
            raise self._refused(error) from error

    def _path(self, judge: str) -> Path:
        name = quote(judge, safe=" ")
        if len(name) > LONGEST_FILE:  # letters beyond ASCII take six to twelve each; the whole name is the first line
            name = f"{name[:LONGEST_FILE]}-{hashlib.sha256(judge.encode()).hexdigest()[:16]}"
        return self.folder / f"{name}.jsonl"

    def judges(self) -> tuple[str, ...]:
        """Everyone who has answered, in order of their names."""
        return tuple(sorted({answer.judge for answer in self.answers()}))

    def answers(self) -> list[Answer]:
        """Everything that counts, what was taken back left out: judge by judge, each in the order of the clicks."""
        every: list[Answer] = []
        with self._lock:
            for path in sorted(self.folder.glob("*.jsonl")):
                every += self._of(path)
        return every

    def _of(self, path: Path) -> list[Answer]:
        """The answers of one file; only what was added since is read."""
        try:
            size = path.stat().st_size
            known = self._files.get(path)
            if known is None or size < known.size:
                known = self._files[path] = _File(path.stem)
            if size > known.size:
                with path.open("rb") as file:
                    file.seek(known.size)
                    known.take(file.read())
        except OSError as error:
            raise StoreUnusable(f"{path} cannot be read: {error.strerror or error}.") from error
        return list(known.answers.values())


class _File:
    """What is known of one file so far."""

    def __init__(self, judge: str) -> None:
        self.judge, self.size = judge, 0
        self.answers: dict[str, Answer] = {}
        self.requests: set[str] = set()

    def take(self, content: bytes) -> None:
        """The next whole lines; those that a kill cut, or that something else wrote, are skipped."""
        whole = content[: content.rfind(b"\n") + 1]
        self.size += len(whole)
        for line in whole.decode("utf-8", errors="replace").split("\n"):  # a text may hold other ends of lines
            try:
                record = json.loads(line)
                if "judge" in record:
                    self.judge = check_judge(str(record["judge"]))
                elif "undo" in record:
                    self.answers.pop(str(record["undo"]), None)
                    self.requests.add(str(record.get("request", "")))
                else:
                    answer = Answer.of(record, self.judge)
                    self.answers[answer.id] = answer
            except (ValueError, KeyError, TypeError, BadInput):
                continue


def relation(answers: Iterable[Answer]) -> dict[tuple[str, str], float]:
    """(query, image) → whether it fits, from all these answers: 1, 0, or NaN.

    The first answer of a judge holds, so that what was counted once does not change. Of several judges the majority
    decides; NaN ("cannot tell") where they are even, or where nobody could tell.
    """
    votes: dict[tuple[str, str], dict[str, float]] = {}
    for answer in answers:
        if answer.again or answer.better is not None:
            continue
        for image, fits in zip(answer.images, answer.fits):
            votes.setdefault((answer.query, image), {}).setdefault(answer.judge, fits)
    decided = {}
    for key, by_judge in votes.items():
        votes_given = [value for value in by_judge.values() if not math.isnan(value)]
        mean = sum(votes_given) / len(votes_given) if votes_given else 0.5
        decided[key] = CANNOT_TELL if mean == 0.5 else float(mean > 0.5)
    return decided
