"""One file for each family of video networks: how its networks fall into blocks, and those that are our own."""
