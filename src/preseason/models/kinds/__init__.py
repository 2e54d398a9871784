"""What a saved model may be: a file for each kind, which opens its folder."""
