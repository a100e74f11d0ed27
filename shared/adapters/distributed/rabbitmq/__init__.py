"""RabbitMQ as the message bus."""

from shared.adapters.distributed.rabbitmq.bus import PLATFORM_POLICY, RabbitBus

__all__ = ["PLATFORM_POLICY", "RabbitBus"]
