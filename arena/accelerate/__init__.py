"""Faster turns: compiled and sharded fields, small matrix products, autocast."""
