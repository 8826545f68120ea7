"""The request log: a sample of requests and answers, in files that can warm up a model."""

from serving.server.request_log.log import RequestLog

__all__ = ["RequestLog"]
