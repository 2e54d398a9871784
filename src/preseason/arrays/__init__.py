"""Arrays at every seam: their types, scaling, and rows compared with each other."""
