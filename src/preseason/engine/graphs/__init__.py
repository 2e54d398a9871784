"""What a frozen network computes for a pass, as a torch module: a file for each kind of input."""
