"""What the retrieval pages share: systems by name, the query at hand, pictures and words that were given."""

from __future__ import annotations

import base64
import hashlib
import threading
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
import streamlit as st
from PIL import Image

from core import backbones, data, paths
from core.data import images
from core.errors import BadInput, CoreError
from core.fusion import FusionSpec, store
from core.setups import FusionSetup
from core.studies import retrieval, system_spec_text
from core.studies.system_spec_text import SystemRef
from core.studies.text import text_encoding, text_query
from core.types import Dataset
from core.ui.app import cache, state, theme
from core.ui.app.cached import cached
from core.ui.components import cropper
from core.ui.widgets import weight_shares
from core.ui.widgets.sidebar import Selection

if TYPE_CHECKING:
    from core.backbones.query_encoding import QueryEncoder

GUEST = "given:"
"""A query text of this form names pictures that were given in this session."""
WORDS = "words:"
"""A query text of this form is a typed line."""
MOST_PICTURES = 24
"""One query is made of at most this many pictures."""
MOST_MEGABYTES = 32
"""A picture given as a query has at most this many MB as a file."""
_GUESTS = "given pictures"
_KEPT_GUESTS = 12


# -- systems


def saved_fusions() -> dict[str, FusionSpec]:
    """The fusions that were saved on this installation, by name."""
    return store.saved()[0] if paths.fusions().is_dir() else {}


def lab_fusion(names: tuple[str, ...]) -> FusionSpec | None:
    """The fusion as the Fusion lab has it now; None with fewer than two backbones."""
    if len(names) < 2:
        return None
    fitted = weight_shares.fitted(dict(state.get(FusionSetup, "shares") or ()), names)
    try:
        mix = FusionSpec("lab", state.get(FusionSetup, "strategy"), names)
        return system_spec_text.named_by_shares(mix.with_shares(fitted))
    except CoreError:
        return system_spec_text.named_by_shares(
            FusionSpec("equal", "concat", names).with_shares(weight_shares.equal(names))
        )


def lab_text(names: tuple[str, ...]) -> str:
    """The fusion of the Fusion lab as a link writes it; "" with fewer than two backbones."""
    mix = lab_fusion(names)
    return "" if mix is None else system_spec_text.spell(mix)


@dataclass(frozen=True)
class SystemOptions:
    """The systems that can be chosen: text → what is shown in the list. The first is where a visit starts."""

    titles: dict[str, str]
    saved: dict[str, FusionSpec]
    embedded: tuple[str, ...]

    def read(self, text: str) -> SystemRef:
        """The system of a text.

        Raises:
            UnknownName, BadInput: one sentence.
        """
        return titled(system_spec_text.read(text, self.embedded, self.saved))


def system_name(named: SystemRef) -> str:
    """What the studies call it: a backbone's own name, a fusion's title."""
    return named.text if named.spec is None else named.title


def titled(named: SystemRef) -> SystemRef:
    """The same system, called as pages call its backbones."""
    if named.spec is None:
        return SystemRef(named.text, cache.backbone_title(named.text))
    if named.text.startswith(system_spec_text.SAVED):
        return named
    return SystemRef(named.text, system_spec_text.title(named.spec, cache.backbone_title), named.spec)


def system_options(chosen: tuple[str, ...], embedded: tuple[str, ...], also: Iterable[str] = ()) -> SystemOptions:
    """What the lists of systems hold: the fusion of the lab, saved fusions, backbones, and what a link named.

    Args:
        chosen: backbones of the sidebar; embedded: all that can be used.
        also: texts in use now that are in no list, as far as they can be read.
    """
    saved = saved_fusions()
    titles: dict[str, str] = {}
    lab = lab_fusion(chosen)
    if lab is not None:
        titles[system_spec_text.spell(lab)] = f"Fusion lab: {system_spec_text.title(lab, cache.backbone_title)}"
    titles |= {name: cache.backbone_title(name) for name in chosen}
    for name, one in saved.items():
        if set(one.active) <= set(embedded):
            titles[system_spec_text.SAVED + name] = f"Saved: {name}"
    titles |= {name: cache.backbone_title(name) for name in embedded if name not in chosen}
    for one in also:
        if one and one not in titles:
            try:
                titles[one] = titled(system_spec_text.read(one, embedded, saved)).title
            except CoreError:
                continue
    return SystemOptions(titles, saved, embedded)


def follow_lab(setup: type, selection: Selection) -> None:
    """Who looks at the fusion of the lab goes on doing so when its weights, the backbones or the dataset change.

    Args:
        setup: has the fields "system" and "other".
    """
    shown = f"lab fusion shown by {setup.__name__}"
    now, before = lab_text(selection.backbones), state.session_get(shown, "")
    for name in ("system", "other"):
        if before and state.get(setup, name) == before and now != before:
            state.set_field(setup, name, now)
    state.session_set(shown, now)


def system_boxes(
    setup: type, selection: Selection, places: Sequence, titles: tuple[str, str], helps: tuple[str, str]
) -> tuple[SystemRef, SystemRef | None]:
    """The two lists in which a page's system, and the one beside it, are chosen.

    A link that names no system of this installation gets one sentence and the first of the list.

    Args:
        setup: has the fields "system" and "other".
        places: the two containers that the lists stand in.
        titles, helps: of the two lists.
    """
    wanted = {name: state.get(setup, name) for name in ("system", "other")}
    there = system_options(selection.backbones, selection.embedded, wanted.values())
    texts = list(there.titles)
    for name, asked in wanted.items():
        if asked and asked not in there.titles:
            try:
                there.read(asked)
            except CoreError as error:
                st.warning(theme.plain(str(error)), icon=":material/info:")
        if asked not in there.titles:
            state.set_field(setup, name, texts[0] if name == "system" else "")
    system = places[0].selectbox(
        titles[0], texts, key=state.key(setup, "system"), format_func=there.titles.get, help=helps[0]
    )
    other = places[1].selectbox(
        titles[1],
        ["", *texts],
        key=state.key(setup, "other"),
        help=helps[1],
        format_func=lambda text: there.titles.get(text, "nothing"),
    )
    return there.read(system), there.read(other) if other and other != system else None


@cached("resource", max_entries=8)
def _positions(loaded: Dataset) -> dict[str, int]:
    return {str(id_): position for position, id_ in enumerate(loaded.ids)}


def position_of(loaded: Dataset, text: str) -> int | None:
    """Where the image of an id stands; None when there is none."""
    return _positions(loaded).get(text)


# -- pictures that are given


@dataclass
class UploadedQuery:
    """Pictures given in this session that ask together.

    Attributes:
        token: the query text that names it.
        names: of the files.
        contents: their bytes, checked to be pictures.
        thumbnails: data: URLs, at most 384 px a side.
        refused: one sentence per file that is no picture.
    """

    token: str
    names: tuple[str, ...]
    contents: tuple[bytes, ...]
    thumbnails: tuple[str, ...]
    refused: tuple[str, ...] = ()
    vectors: dict[tuple[str, str], np.ndarray] = field(default_factory=dict)

    @property
    def title(self) -> str:
        """For people."""
        return self.names[0] if len(self.names) == 1 else f"{len(self.names)} pictures together"

    def pictures(self, box: cropper.Box | None) -> list[Image.Image]:
        """The pictures, decoded; the part of the box when there is one."""
        return [cropped(images.open_rgb(content), box) for content in self.contents]


def receive(files: Sequence[tuple[str, bytes]]) -> UploadedQuery:
    """Check what was given and make one query of it.

    Args:
        files: (name, bytes) of each.
    Raises:
        BadInput: too many, or none of them is a picture; the sentence names the first reason.
    """
    if len(files) > MOST_PICTURES:
        raise BadInput(
            f"{len(files)} pictures were given; one query is made of at most {MOST_PICTURES}. Give fewer, "
            "or add their folder as a dataset on the Overview."
        )
    kept, refused = [], []
    for name, content in files:
        try:
            if len(content) > MOST_MEGABYTES * 2**20:
                raise BadInput(f"The file has {len(content) / 2**20:,.0f} MB; a query has at most {MOST_MEGABYTES} MB.")
            small = images.thumbnails(images.open_rgb(content))["large"]
            kept.append((name, content, "data:image/webp;base64," + base64.b64encode(small).decode()))
        except BadInput as error:
            refused.append(f"{name}: {error}")
    if not kept:
        more = f" (and {len(refused) - 1} more files)" if len(refused) > 1 else ""
        raise BadInput(f"{refused[0]}{more}" if refused else "There is no picture to search with; give at least one.")
    names, contents, thumbnails = zip(*kept)
    digest = hashlib.sha256(b"".join(hashlib.sha256(content).digest() for content in contents)).hexdigest()
    return UploadedQuery(GUEST + digest[:12], names, contents, thumbnails, tuple(refused))


def uploaded_queries() -> dict[str, UploadedQuery]:
    """The pictures given in this session, oldest first; only the last few are kept."""
    return state.session_get(_GUESTS, {})


def add_uploaded_query(guest: UploadedQuery) -> None:
    """Remember a guest; the oldest goes when there are many."""
    held = uploaded_queries()
    held.pop(guest.token, None)
    held[guest.token] = guest
    while len(held) > _KEPT_GUESTS:
        held.pop(next(iter(held)))


def cropped(picture: Image.Image, box: cropper.Box | None) -> Image.Image:
    """The part of a picture in a box of relative sides; at least one pixel."""
    if box is None:
        return picture
    width, height = picture.size
    left, top = int(box[0] * width), int(box[1] * height)
    return picture.crop((left, top, max(left + 1, round(box[2] * width)), max(top + 1, round(box[3] * height))))


_LOADING = threading.Lock()


@cached("resource", max_entries=12)
def _encoder(name: str) -> QueryEncoder:
    return backbones.query_encoder(name)


def encode(name: str, pictures: Sequence[Image.Image]) -> np.ndarray:
    """(n_pictures, dim) unit vectors by one backbone; its encoder stays loaded for all sessions.

    Raises:
        BadInput: this backbone's vectors came from elsewhere.
    """
    if name not in backbones.names():
        raise BadInput(
            f"The vectors of {name!r} were computed elsewhere, so it cannot look at a new picture. Choose a system of "
            "backbones that run here, or ask with a picture of the gallery."
        )
    with _LOADING:
        encoder = _encoder(name)
    return encoder.encode(list(pictures))


# -- words


def readers(chosen: Sequence[str], embedded: Sequence[str]) -> tuple[str, ...]:
    """The embedded backbones that read text, chosen ones first."""
    return text_encoding.readers(tuple(dict.fromkeys([*chosen, *embedded]))).reading


def reading(named: SystemRef, standing_in: str) -> SystemRef:
    """What is left of a system when words ask: its backbones that read text, with their shares among each other.

    Several are standardised over the gallery before they are summed, as on Words (`core.studies.text.text_search.search`).

    Args:
        standing_in: the backbone that answers where the system has none that reads.
    """
    able = text_encoding.readers(named.backbones).reading or (standing_in,)
    if len(able) == 1:
        return SystemRef(able[0], cache.backbone_title(able[0]))
    mix = FusionSpec("words", "score_sum", able, None, (("norm", "zscore"),)).with_shares(named.spec.shares)
    mix = system_spec_text.named_by_shares(mix)
    return SystemRef(system_spec_text.spell(mix), system_spec_text.title(mix, cache.backbone_title), mix)


def reading_sentence(systems: Sequence[SystemRef], standing_in: str) -> str:
    """Who reads the words, who does not, and who stands in."""
    parts = []
    asked = tuple(dict.fromkeys(name for named in systems for name in named.backbones))
    who = text_encoding.readers(asked)
    called = [
        tuple(map(cache.backbone_title, names)) for names in (who.reading or (standing_in,), who.without_text_tower)
    ]
    parts.append(text_encoding.Readers(*called).sentence())
    if who.reading and any(not text_encoding.readers(named.backbones).reading for named in systems):
        deaf = next(named for named in systems if not text_encoding.readers(named.backbones).reading)
        parts.append(f"{cache.backbone_title(standing_in)} answers in place of {deaf.title}.")
    return " ".join(parts)


@cached("resource", max_entries=256)
def _word_vector(name: str, line: str) -> np.ndarray:
    return text_encoding.query_vector(name, text_query.parse(line))[None]


# -- the query


@dataclass(frozen=True)
class QueryInput:
    """What the page asks with now: an image of the dataset, a part of it, pictures that were given, or words."""

    text: str
    title: str
    position: int | None = None
    guest: UploadedQuery | None = None
    box: cropper.Box | None = None
    words: str = ""

    def question(self, loaded: Dataset, names: Sequence[str]) -> retrieval.Query:
        """The query over the vectors of these backbones; pictures are encoded when they are asked with first."""
        over = cache.space(loaded, tuple(sorted(set(names))))
        if self.words:
            vectors = {name: _word_vector(name, self.words) for name in names}
            return _kept(retrieval.uploaded_image_query(loaded, over, vectors))
        if self.guest is None and self.box is None:
            return _kept(retrieval.gallery_image_query(loaded, over, self.position, cache.truth(loaded)))
        vectors = {name: self._vectors(loaded, name) for name in names}
        return _kept(retrieval.uploaded_image_query(loaded, over, vectors, self.position))

    def _vectors(self, loaded: Dataset, name: str) -> np.ndarray:
        if self.guest is not None:
            at = (name, cropper.as_text(self.box))
            if at not in self.guest.vectors:
                self.guest.vectors[at] = encode(name, self.guest.pictures(self.box))
            return self.guest.vectors[at]
        return _crop_vectors(loaded, self.position, name, self.box)


def _kept(question: retrieval.Query) -> retrieval.Query:
    """The same, keeping what was worked out: the results and what each backbone says of them need the same rows."""
    question.space.keep(2 * 4 * len(question.space.names) * question.space.n_gallery)
    return question


def cache_key(loaded: Dataset, position: int) -> str:
    """The content key of an image, as text."""
    return retrieval.text_key(loaded.keys[position])


@cached("resource", max_entries=256)
def _crop_vectors(loaded: Dataset, position: int, name: str, box: cropper.Box) -> np.ndarray:
    picture = images.open_rgb(data.read_bytes(loaded, position))
    return encode(name, [cropped(picture, box)])
