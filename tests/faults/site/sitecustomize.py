"""Python imports this at its start, in every process with FAULTS_BREAK and in those that it starts."""

import os

from tests.faults import broken

broken.install(os.environ["FAULTS_BREAK"].split(","))
