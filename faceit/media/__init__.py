"""Video and sound: fetching, reading, writing, composing side by side, provenance."""
