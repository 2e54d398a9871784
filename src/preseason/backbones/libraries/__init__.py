"""One file for each package that networks come from."""
