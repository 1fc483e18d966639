"""The databases that SQL is tried on. Used by Revet, and in a child process that imports nothing else of it but
`revet.effects`: here is no pydantic, and modules import one another relatively.
"""

__all__: list[str] = []
