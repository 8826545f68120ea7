"""Looks of personal values: by the values of text, and by the names of the fields that hold them."""
