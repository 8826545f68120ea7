"""Promotion and rollback: moving the labels of model servers, on all of them or on none."""
