"""The parts of the page Fine-tune."""
