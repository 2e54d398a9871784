"""The command line: one file for each verb; every file registers its verb in `preseason.cli.verbs`."""
