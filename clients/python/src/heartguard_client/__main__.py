"""`python -m heartguard_client`: the command `heartguard-client`."""

from heartguard_client.cli import main

main()
