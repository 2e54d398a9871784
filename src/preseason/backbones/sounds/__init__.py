"""Networks of sounds: one file for each family, its front end from wave to bands included."""
