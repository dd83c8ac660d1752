"""Events start and stop flows; enrolments are moved one step when their time has come."""
