"""Merges the reviews that people save from the page.

read checks that they belong to the results; consensus decides about each cell; agreement compares
reviewers and probabilities; annotations writes reviewed images in MIDOG's form.
"""
