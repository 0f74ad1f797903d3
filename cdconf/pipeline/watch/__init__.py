"""Runs the pipeline for each new commit of a branch, without a CI server."""
