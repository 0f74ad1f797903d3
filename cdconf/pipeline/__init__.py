"""Takes commits through the pipeline's stages.

`record` keeps in the artifact store what a run does, `store_lease` who does it. What stages have proven is said in
statements, see `cdconf.promotion`: a record proves nothing.
"""
