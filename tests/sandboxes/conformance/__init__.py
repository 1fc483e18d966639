"""What every sandbox promises, tested on each through the same interface. `gaps` lists by name what is not kept."""
