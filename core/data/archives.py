"""WebDataset tars, read where they lie."""
