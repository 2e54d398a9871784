"""The most memory that a process of its own takes."""

PEAK = """
import threading
from pathlib import Path

peak, over = [0], threading.Event()

def watch():
    while not over.wait(0.1):
        status = Path("/proc/self/status").read_text()
        peak[0] = max(peak[0], int(status.split("RssAnon:")[1].split()[0]))

threading.Thread(target=watch, daemon=True).start()
"""
"""Begins a program that ends with `over.set()`: `peak[0]` is then its most anonymous memory in kB (Linux)."""
