"""Results of items by content: nothing is judged twice."""
