"""After a fit: what to label next, why an answer, which of two models, and what to mend."""
