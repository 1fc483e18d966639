"""Shell commands: what a text would run, and what those programs do."""
