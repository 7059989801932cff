"""A year that never was: what two storefronts would have shipped, for looking at figures. See ``demo_history``.

    seasons (how many orders a day) ─> shopping (who orders what, and again) ─> ways (scans of a parcel) ─> rows

Deterministic: the same seed, day and size give the same year. Everything hangs on one marked project, which is never
active: no job looks at it, nothing is asked or told about it.
"""
