"""What a batch leaves to people, and what they decide."""
