"""From files on disk to a checked, split dataset, whatever the kind of media."""
