"""Who comes into a flow because of the calendar and not of an event: birthdays, anniversaries, a long silence."""
