"""Pusher: blessed models become numbered versions by rename."""
