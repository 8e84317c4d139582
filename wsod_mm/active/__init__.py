"""Active learning: which images to label next."""
