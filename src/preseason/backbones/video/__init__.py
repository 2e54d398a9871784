"""One file for each family of video networks: how they fall into blocks, and those that are our own."""
