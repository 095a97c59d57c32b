"""What is slow is kept here: embeddings and thumbnails, by the content of the image.

One folder per backbone fingerprint, its name ending in the start of the SHA-256 of the `key.json` in it, which holds
everything that changes a number. Vectors lie there beside the key of their image (SHA-256 of the file's bytes) in a
Lance dataset: float32, or float16 in folders of long vectors and of earlier versions. Appends are atomic, several
processes may write, rows that were written twice are dropped on reading. Thumbnails lie in one SQLite file.
"""

from core.store.store import Store, open_store
from core.store.writer import Writer

__all__ = ["Store", "Writer", "open_store"]
