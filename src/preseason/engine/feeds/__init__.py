"""Between decoded examples and the engine: one file for each modality."""
