"""`revet view`: a local web page over the store. Whoever may see it may also answer the runs that wait for a person.

The server listens on the loopback address, every request is let in by `guard`, and what a request says is done by
`desk`. Nothing of it is imported by the rest of the reports: a web server is no light thing.
"""

from revet.report.view.app import View, make_app
from revet.report.view.desk import Answerer, Desk, Refused
from revet.report.view.guard import Guard

__all__ = ["Answerer", "Desk", "Guard", "Refused", "View", "make_app"]
