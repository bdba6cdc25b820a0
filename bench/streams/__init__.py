"""Live streams: memory, delivery and cost, beside two plain servers."""
