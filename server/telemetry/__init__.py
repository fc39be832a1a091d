"""What a running hub tells of itself: log lines and figures, neither of which names a person or holds a secret."""
