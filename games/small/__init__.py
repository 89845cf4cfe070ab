"""Games of a few numbers with closed-form dynamics."""
