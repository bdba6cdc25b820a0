"""One file per stage; the file's name is the stage's name, and `run(exchange, ports)` is all it offers."""
