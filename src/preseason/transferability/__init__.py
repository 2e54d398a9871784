"""Before training: which pretrained network suits the data, and what more labels would bring."""
