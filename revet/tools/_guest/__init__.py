"""Code that runs INSIDE the sandbox, under the workspace's own interpreter (Python 3.8 or later).

It imports the standard library and, for pytest checks, pytest: never Revet, never pydantic. The host copies
these files into the sandbox as the package ``_revet_guest`` and starts `launch`.

The guest shares its process with the code under test, so nothing here is beyond the reach of code that sets
out to attack it: a candidate that finds the runner's objects from a frame above its own, or in the heap, can
send records in its place, and learn which planted tests the host waits for. What the guest does is make every
*ordinary* way of faking a result (exiting early, writing to descriptors, patching the test framework, objects
that equal everything) visible to the host, which alone decides.
"""
