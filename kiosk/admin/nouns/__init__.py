"""One module a noun: the commands that it has, and what runs each."""
