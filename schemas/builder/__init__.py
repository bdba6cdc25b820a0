"""The generators: lint of the schemas, XSD, OpenAPI, HTML pages, Python types and the table of roles."""
