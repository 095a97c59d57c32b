"""How figures hold when query images are blurred, dark, cut or noisy: `corrupted_queries` embeds, `stress_result` judges."""
