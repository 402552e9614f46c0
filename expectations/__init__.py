"""Great Expectations suites, derived from a recovery point and from an application's rules. Only this package imports it."""
