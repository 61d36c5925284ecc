"""The markets: their rules, their journal and every door to them.

To read: engine/ (the rules, pure), journal/ (the truth on disk and its only writer), wire/ (protobuf to engine and
back), matching/ (the one loop), reads/ (queries), then the doors rest/, pages/ and console/. audit/ proves the journal.
models, admin, urls, checks, migrations/, management/ and templatetags/ stand here because Django looks here.
A new command goes through proto, engine, wire and journal; docs/architecture.md has the recipe.
Never change the engine's state or tables past the journal, and never import matching/ or audit/ from a door.
"""
