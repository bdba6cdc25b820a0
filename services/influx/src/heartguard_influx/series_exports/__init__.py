"""The series of a person or an organization as a file for a period: asked for here, made by a background job."""
