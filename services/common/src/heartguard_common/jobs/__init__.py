"""Work beside requests: jobs with steps, dead letters, the deletion of a person's or an organization's data."""
