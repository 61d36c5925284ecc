"""The composition root: it joins the other packages into one site. Nothing imports it.

To read: settings with environment (every variable), asgi (HTTP and sockets), handler with turns (how a page runs and
waits), urls (every address), then sign_in, api (time, status, schema), errors, csp, and supervise (restarts the
exchange after a crash).
A new setting or address of the whole site goes here. A rule, table or page goes into the package that owns it.
"""
