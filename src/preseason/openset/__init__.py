"""Inputs that are none of the classes: the reference set, detection of the unknown, drift."""
