"""Several server processes behind the same ports: an extension, off by default (``--worker_processes``).

The process that was started is the supervisor: it loads no model and holds no port. Its workers are whole servers
that share the ports (SO_REUSEPORT); what changes the server (reloads, labels) goes through the supervisor to all
of them or to none, and what is told of it (states, metrics) is told of all.
"""
