"""What makes the generated half of the contract: lint, XSD, OpenAPI and the table of roles."""
