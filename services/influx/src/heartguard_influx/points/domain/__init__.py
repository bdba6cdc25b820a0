"""Points and what becomes of them: values, rules and line protocol. Imports no other layer."""
