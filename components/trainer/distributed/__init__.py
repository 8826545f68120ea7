"""Training on several devices or machines with ``tf.distribute``."""
