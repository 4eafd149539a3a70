"""What a reader can choose, and has chosen: controls, settings, presets."""
