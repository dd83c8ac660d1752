"""What a mail can be about, and what its template gets. One file per subject; `shown` knows them all."""
