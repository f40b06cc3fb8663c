"""Signatures 1.0 and V3: the client's signer, the endpoint's verifier, and the autopsy.

``sign`` and ``verify`` share no code, so that a mistake in one does not cancel out in the other.
"""
