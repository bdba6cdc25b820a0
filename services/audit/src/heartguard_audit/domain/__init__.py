"""Events and their chain: values and rules, without input and output."""
