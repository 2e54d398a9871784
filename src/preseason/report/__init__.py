"""What a fit found, for people: the report page and the model card."""
