"""A batch graded again beside itself: what would change, and making it the batch's."""
