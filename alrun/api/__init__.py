"""Python interface: experiments composed, run and stepped through, and runs as objects; for scripts and notebooks."""
