"""Where keys live, and what may be asked of them; no key that guards stored data leaves this package."""
