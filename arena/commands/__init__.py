"""The commands of `arena`, one file each: a module with a docstring, whose first line is its help, and `main(arguments) -> exit code`."""
