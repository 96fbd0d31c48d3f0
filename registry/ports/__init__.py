"""Ring 2: what the services need, as Protocols that speak the domain."""
