"""A model outside of preseason: graphs for other engines, settings, and a small program that runs them."""
