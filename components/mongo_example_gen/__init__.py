"""MongoExampleGen: turns a MongoDB export into splits of ``tf.Example`` records."""
