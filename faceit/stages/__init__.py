"""The story, one file a chapter. Chapters meet on disk; only the demo tells the others' story."""
