"""How good the answers are, how far their probabilities can be believed, and what is unknown."""
