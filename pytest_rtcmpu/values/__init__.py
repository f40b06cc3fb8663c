"""What passes between the rooms: HTTP messages, access keys, and text that is fit to be shown."""
