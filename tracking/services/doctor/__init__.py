"""Is everything well, from the credentials to the mail server? Each finding has its cause and the next step.

examine ─> house, each project, each account ─> small checks ─> Finding(area, state, words, next_step) ─> is_go
"""
