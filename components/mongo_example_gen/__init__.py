"""MongoExampleGen: a MongoDB export becomes splits of ``tf.Example`` records."""
