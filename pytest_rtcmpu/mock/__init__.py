"""The endpoint in this process: the doors that clients come in by, and the environment around."""
