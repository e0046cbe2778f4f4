"""pubsub.googleapis.com: topics, subscriptions that are pulled, and dead letters."""
