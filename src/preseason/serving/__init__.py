"""Models behind HTTP: answers for programs under /v1, and a page for people at /."""
