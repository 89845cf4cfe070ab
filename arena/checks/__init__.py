"""Checks of games and update rules against their claims."""
