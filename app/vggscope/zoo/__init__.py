"""The models of this computer and their normal form. No Qt."""
