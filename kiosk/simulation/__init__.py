"""The demo's simulated kiosks: real terminals without a screen, and people who come, take breaks and go."""
