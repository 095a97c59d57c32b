"""Where a system is weak: any column of the table of images, and what is known of the images, slices any figure."""

from core.studies.slices.slice_columns import BINS, CrossedColumn, SliceColumn, column, columns, crossed, names
from core.studies.slices.slice_search import Slice, SliceSearch
from core.studies.slices.slice_tables import SliceTable, slice_table

__all__ = [
    "BINS",
    "CrossedColumn",
    "Slice",
    "SliceColumn",
    "SliceSearch",
    "SliceTable",
    "column",
    "columns",
    "crossed",
    "names",
    "slice_table",
]
