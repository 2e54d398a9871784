"""When to believe a model: checks from the feature bank alone, in plain values and plain words."""
