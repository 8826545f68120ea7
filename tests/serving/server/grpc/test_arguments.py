"""Which channel arguments our front honours."""

from __future__ import annotations

from serving.http2.limits import Limits
from serving.server.config.options import Options
from serving.server.grpc.arguments import UNLIMITED, read


def test_without_arguments_the_limits_are_our_own() -> None:
    found = read(Options())
    assert (found.limits, found.most_received, found.most_sent) == (Limits(), UNLIMITED, UNLIMITED)
    assert (found.compress, found.ignored) == (False, ())
    assert read(Options(grpc_max_message_bytes=7)).most_sent == 7


def test_times_sizes_and_numbers_are_honoured() -> None:
    text = (
        "grpc.keepalive_time_ms=1500,grpc.keepalive_timeout_ms=250,grpc.max_connection_age_ms=2147483647,"
        "grpc.max_connection_idle_ms=1000,grpc.max_concurrent_streams=7,grpc.max_receive_message_length=-1,"
        "grpc.max_send_message_length=9,grpc.default_compression_algorithm=2,grpc.http2.lookahead_bytes=5000"
    )
    found = read(Options(grpc_channel_arguments=text, grpc_max_message_bytes=5))
    limits = found.limits
    assert (limits.ping_seconds, limits.ping_timeout_seconds, limits.age_seconds) == (1.5, 0.25, 0.0)
    assert (limits.idle_seconds, limits.streams, limits.window) == (1.0, 7, 5000)
    assert (found.most_received, found.most_sent, found.compress) == (UNLIMITED, 9, True)
    assert found.ignored == ()


def test_what_has_no_effect_is_named() -> None:
    text = "grpc.so_reuseport=0,grpc.primary_user_agent=x,grpc.max_concurrent_streams=many"
    assert read(Options(grpc_channel_arguments=text)).ignored == (
        "grpc.so_reuseport",
        "grpc.primary_user_agent",
        "grpc.max_concurrent_streams",
    )
