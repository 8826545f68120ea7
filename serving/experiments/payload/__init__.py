"""What requests and answers of TF Serving's APIs hold: features and outputs by name, without TensorFlow."""
