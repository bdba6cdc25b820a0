"""What the operator sees of people's accounts in every organization, and does with them."""
