"""Real PostgreSQL, Redis and Elasticsearch servers on loopback, for development and for the tests.

``make services`` starts one of each below ``.services/``; a test that kills, stops or fills one up starts its own by
the same classes (``tests/own_services.py``).
"""
