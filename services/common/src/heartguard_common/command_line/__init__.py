"""What the commands that a person types have in common: `./heartguard`, and the programs of services behind it.

Each of `keys`, `audit` and `policy` declares the commands of one service. `./heartguard` reads the words by them and
prints their help without loading the service; the service's own program carries them out.
"""
