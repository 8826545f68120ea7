"""Pusher: publishes blessed models as numbered versions."""
