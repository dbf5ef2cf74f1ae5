"""Live mode: a camera, a video or a screen in the window. Imported when the first one is chosen."""
