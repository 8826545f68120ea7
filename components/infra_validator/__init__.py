"""InfraValidator: the candidate is served, asked and measured before it is pushed."""
