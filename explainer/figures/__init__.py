"""What several sections draw: a figure = a drawing built once + tables of new numbers + words."""
