"""The layer browser: the network as a figure and a table, and what its layers make of a picture."""
