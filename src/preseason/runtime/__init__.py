"""This machine and this process: progress, threads, the cache folder, measured speeds, launchers."""
