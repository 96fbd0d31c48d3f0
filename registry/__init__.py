"""The hexagon: what the product is, without any transport.

``domain`` holds values and rules, ``ports`` what they need from outside, ``services`` the use cases, ``adapters``
what they run on. ``settings`` reads the environment, ``bootstrap`` puts everything together. The ways in are the
packages beside this one: ``api``, ``indexer`` and ``hooks``.
"""
