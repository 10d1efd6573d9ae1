"""Commands: argv to a command, one file a command."""
