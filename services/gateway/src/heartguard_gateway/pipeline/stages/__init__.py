"""One file per stage, with the name of the stage, which is the function that the file is for."""
