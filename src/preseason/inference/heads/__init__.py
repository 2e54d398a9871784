"""Fitted heads that need no torch, a file for each kind; `preseason.inference.head` has the protocol."""
