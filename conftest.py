"""What every test of both distributions can ask for."""

pytest_plugins = ["pytester", "tests.services.fixtures"]
