"""One fit from data to model folder."""
