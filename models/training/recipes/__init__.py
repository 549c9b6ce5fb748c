"""Recipes, one plain readable file each; the folder is the registry.

A file here has a `RECIPE`; its name is the file's, with dashes. Three kinds: a `Plan` (the training instrument:
`models.training.method`), a `Recipe` (a critic and drawn pictures, from nothing) and a `Course` (a relative of a
shipped network, taught to draw).
"""
