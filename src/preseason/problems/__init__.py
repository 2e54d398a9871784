"""What is predicted of an example: a label, a time. One file each, which registers itself."""
