"""What a cell itself needs of a task's metrics; a module's name is the task's name.

Apart from the scores, so that editing a score trains nothing anew.
"""
