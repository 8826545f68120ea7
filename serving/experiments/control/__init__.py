"""The HTTP endpoints of experiments: rewards, status and control."""
