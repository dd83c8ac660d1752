"""What happens when a promise is close or missed: warnings, steps of the ladder, alarms."""
