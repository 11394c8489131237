"""The rules of Driftgate: values, errors, policy, judgement, ports and flows.

Standard library only, no input or output. Every other folder may import this one; it imports none of them.
"""
