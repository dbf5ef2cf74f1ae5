"""The network as mathematics: layers, shapes, counts and receptive fields."""
