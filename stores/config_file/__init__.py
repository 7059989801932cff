"""The configuration file → rows, in four steps that each can be read alone.

    file ─ source ─> places ─ kinds ─> values ─ document ─> Document ─ plan ─> Plan ─ save_plan ─> rows
           (YAML,    (one value       (schema, references, (what differs     (one transaction)
           lines)     each)            duplicates)          from the rows) ─ report ─> words

Everything that is wrong with a file is collected and raised at once as ConfigFileError; no message ever shows a secret.
The command is ``tracking/management/commands/apply_config.py``; the keys are explained in ``docs/configuration.md``.
"""
