"""The parts of the Datasets page: what a collection of pictures is made of, section by section."""
