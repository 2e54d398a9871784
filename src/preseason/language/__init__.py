"""Language models: dialogues and domain texts in, a model that talks out."""
