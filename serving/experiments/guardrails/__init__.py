"""What takes a failing arm out: a circuit breaker within seconds, and a sequential comparison with control."""
