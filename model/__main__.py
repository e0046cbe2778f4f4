"""`python -m model`: draw, train, examine and replace the demonstration model."""

from model.build import main

raise SystemExit(main())
