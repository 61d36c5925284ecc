"""An exchange whose channel layer loses messages (lossy_layer.py)."""

from exchange.settings import *  # noqa: F403
from exchange.settings import LAYER_CAPACITY

CHANNEL_LAYERS = {
    "default": {"BACKEND": "tests.live.settings.lossy_layer.LossyLayer", "CONFIG": {"capacity": LAYER_CAPACITY}}
}
