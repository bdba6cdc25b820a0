"""Events and their chain: values and rules that are true without a computer."""
