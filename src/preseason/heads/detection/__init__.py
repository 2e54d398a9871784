"""What finds things on cached maps of a frozen network: how it is built and trained."""
