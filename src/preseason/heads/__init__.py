"""Heads: features to answers. One file for each kind; `preseason.heads.base` has the protocols."""
