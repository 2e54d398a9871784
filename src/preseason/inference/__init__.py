"""Fitted models applied: features to answers, on numpy alone; torch only where a head holds a network."""
