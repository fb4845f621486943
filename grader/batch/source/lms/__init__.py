"""How each LMS names and arranges what it lets teachers download."""
