"""Forty-three hostile programs, what each must come to in a sandbox, and whether it was contained.

The programs (``p01_…`` to ``p43_…``) run inside; `corpus` says how and with which verdicts; `attack` runs one and
judges; `canaries` are what they would harm on the host. By hand: ``python -m tests.sandboxes.hostile --sandbox local``.
"""
