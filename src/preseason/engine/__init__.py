"""The frozen network runs once over every example, and the feature bank keeps what it gives."""
