"""What is done with each command: thin functions from a message to its answer."""
