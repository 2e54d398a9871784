"""Callbacks that keep fits in experiment trackers: TensorBoard and MLflow."""
