"""Alerts of other systems: read safely, known by their secrets, recorded, and acted on. One module a source."""
