"""Live streams: what a change publishes after it is committed, and where readers find it."""
