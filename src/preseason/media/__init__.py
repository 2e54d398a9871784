"""Bytes to arrays: one file per kind of media, each decoding to plain numpy arrays."""
