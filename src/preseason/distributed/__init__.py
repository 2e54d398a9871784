"""Several processes at one fit: who leads, strides of the work, and data-parallel steps."""
