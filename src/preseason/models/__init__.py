"""Fitted classifiers: prediction, explanation, and the model folder they are saved in."""
