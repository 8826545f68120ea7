"""Search for leaking features: what each can mean, how much of the label that tells, and how sure that is."""
