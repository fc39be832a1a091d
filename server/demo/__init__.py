"""`attendance-hub demo`: the whole system on one machine, with a sample company and nothing to install."""
