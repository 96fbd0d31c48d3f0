"""Ring 1: values, rules and events. No I/O, no async, no driver."""
