"""What the stores in SQLite and PostgreSQL share: the tables, and all that is decided from them."""
