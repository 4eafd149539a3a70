"""What a reader takes along: links, notebook, handout, data."""
