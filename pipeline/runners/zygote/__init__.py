"""A zygote: a process that has imported everything and run nothing, from which a run's processes are forked at once."""
