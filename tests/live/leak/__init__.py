"""The leak test (tests/live/test_leaks.py): does anybody receive what they may not see?

Who acts: participants.py sends random commands over sockets; an operator in sudo shows and hides markets meanwhile.
Who listens: the participants, watchers.py (sockets that resume, toggle sudo or never sign in) and readers.py (pages
and REST). They ask for much that they must not get. Everything that they receive is kept: recordings.py and Text.
Secrets can be recognized: each market has its own token in its texts and its own price band (participants.py).
What the judge knows: truth.py reads the journal after the run and computes who could see what at every seq, from
docs/rules.md and without the exchange's code of visibility. judge.py checks messages with it, text_judge.py text.
How we know that it works: tests/live/settings/leaky.py plants one leak in an exchange, and the judge must find it.
Every run also judges the sudo operator's messages as if a stranger had received them; many kinds of leaks must appear.
A failing run prints SEED and, for each kind of leak, examples: who received what, and between which seqs.
"""
