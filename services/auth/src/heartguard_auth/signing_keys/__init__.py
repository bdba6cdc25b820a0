"""The keys that sign access tokens, and the published key set."""
