"""One file for each architecture family: how its networks fall into blocks."""
