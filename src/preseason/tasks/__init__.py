"""Jobs: what each reads, how an example becomes network inputs, and which ways of answering it tries."""
