"""Assets by stage, left to right."""
