"""`python -m preseason` does what the `preseason` command does."""

import sys

from preseason.cli.main import run

if __name__ == "__main__":
    sys.exit(run())
