"""Stores such as S3: what lies there becomes local files, and model folders are written there."""
