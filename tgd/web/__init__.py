"""The web: what operators, phones, control rooms and machines reach by HTTP.

The only importer of ``aiohttp.web``. ``routes.build(context)`` makes the application out of what
the composition root hands in, ``server.Server`` listens; every route stands on one page. Rules are
left to the platform's domain, rows to the store.
"""
