"""What passes between rooms: HTTP messages, access keys, records, text fit to be shown."""
