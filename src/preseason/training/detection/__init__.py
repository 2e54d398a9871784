"""Training of what finds things: looks at pictures from the bank, members by fold, what scores are worth."""
