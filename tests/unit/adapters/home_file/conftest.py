from tests.unit.adapters.home_file.layouts import read

__all__ = ["read"]
