"""The permission test: does a running exchange answer as the tables of docs/permissions.md say?

table.py reads the tables. A row is an operation on a thing. A cell says what one kind of person is answered: "yes" or
the code of the refusal. The doors are the socket, REST, the pages and the operator console (doors.py).
operations.py and console.py say how each operation is requested at each door. stage.py holds the cast (people.py makes
their tokens and sessions) and makes the things; what an allowed request uses up is made again for the next person.
asking.py sends the request of one cell and returns the Answer. test_permissions.py compares it with the table.
What people may not see must be answered exactly like what does not exist; Answer.details holds all that could differ.
test_coverage.py fails if a message, page, console page or REST operation has no row. test_that_it_would_fail.py proves
that wrong tables and wrong answers are noticed.
"""
