"""A slider and three charts in other frameworks, to be dragged beside our page."""
