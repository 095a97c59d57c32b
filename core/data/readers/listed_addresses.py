"""Which images a table names, as relative paths: what is looked for at an address that nobody can list."""

from __future__ import annotations

from pathlib import Path, PurePosixPath

from core.data.readers.columns import checked_columns, image_columns
from core.data.table_files import read_table, several_words
from core.errors import BadInput


def images_in(table: Path) -> list[str]:
    """The relative paths in the image columns of a table, each once.

    Raises:
        BadInput: one leads out of the table's folder, or is an address itself.
    """
    frame = read_table(table).rename(columns=str)
    named, _ = checked_columns(frame, None, table.name)
    columns = image_columns(frame, named, None) or ([named["id"]] if "id" in named else [])
    names = list(dict.fromkeys(name for column in columns for value in frame[column] for name in several_words(value)))
    for name in names:
        if "://" in name or name.startswith("/") or ".." in PurePosixPath(name).parts:
            raise BadInput(
                f"{table.name}: {name[:80]!r} does not lie below the folder of the table; give a relative path."
            )
    return names
