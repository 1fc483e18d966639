"""The hostile programs and `kit`, what they share. They are run inside sandboxes only, and are not to be imported."""
