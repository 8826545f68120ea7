"""Several server processes behind the same ports: an extension, off by default (``--worker_processes``).

The process that was started is the supervisor: it loads no model and opens no port. Its workers are complete servers
that share the ports (SO_REUSEPORT). Changes (reloads, labels) go through the supervisor to all workers or none, and
reports (states, metrics) cover all of them.
"""
