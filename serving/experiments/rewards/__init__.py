"""Rewards: what the document declares of them, how they are taken in, and how they are joined from files."""
