"""InfraValidator: serves, queries and measures the candidate before it is pushed."""
