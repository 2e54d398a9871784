"""What an example is to people and to servers, apart from any task: one file for each kind of data."""
