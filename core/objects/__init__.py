"""A home on an object store: small named objects that are written whole or not at all, and their shadow on this machine.

`ObjectStore` is the interface: a folder (`FolderObjects`) and S3 (`S3Objects`) keep it, one contract test runs on both.
There are no renames and no locks; `put` may be conditional on what was there, and an ETag tells versions apart. `Mirror`
holds the small objects of a home as files of this machine, so that all that reads files reads them there; writing goes
through `core.files`, which puts each object first and the file second.
"""

from core.objects.base import Changed, ObjectStore, Stored
from core.objects.folder import FolderObjects
from core.objects.mirror import SHARED, Mirror, mirror_of, opened
from core.objects.s3 import S3Objects

__all__ = ["SHARED", "Changed", "FolderObjects", "Mirror", "ObjectStore", "S3Objects", "Stored", "mirror_of", "opened"]
