"""Part `hub`: how fast the hub passes one stream on to many sockets (benchmarks/fanout.py)."""

from benchmarks import fanout, wsload
from benchmarks.report import Goal, Row
from benchmarks.setting import Setting


def fan_out(setting: Setting) -> list[Row]:
    sockets, many = setting.size(200, 20), setting.size(fanout.SOCKETS_MANY, 50)
    published, seconds = setting.size(fanout.FRAMES_PER_RUN, 100), setting.size(5, 1)
    runs = sorted(fanout.frames_per_second(sockets, published) for _ in range(setting.runs))
    delays = [fanout.delays_ms(many, fanout.UPDATES_PER_SECOND, seconds) for _ in range((setting.runs + 1) // 2)]
    _, server, own = runs[len(runs) // 2]
    return [
        Row(
            f"frames delivered to {sockets} sockets",
            "frames/s",
            [rate for rate, _, _ in runs],
            Goal(45_000),
            f"CPU: load {own:.0%}, server {server:.0%}",
        ),
        Row(
            f"{many:,} sockets × {fanout.UPDATES_PER_SECOND} updates/s: p99",
            "ms",
            [wsload.percentile(found, 99) for found in delays],
            Goal(100, at_least=False),
            "every update arrived",
        ),
    ]
