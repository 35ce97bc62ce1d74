"""Starts, stops and describes the local AWS (MiniStack) of Landfall."""
