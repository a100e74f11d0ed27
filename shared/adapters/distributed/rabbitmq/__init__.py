"""RabbitMQ as the message bus."""
