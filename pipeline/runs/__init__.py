"""A run's life: session, book, lock, sweep, finish; and comparing and cleaning what runs left."""
