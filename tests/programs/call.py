"""Calls a URL as any program does, by the library that is named, and prints status and body."""

import sys

url, library = sys.argv[1:]
if library == "requests":
    import requests

    reply = requests.get(url)
    print(reply.status_code, reply.text)
elif library == "httpx":
    import httpx

    found = httpx.get(url)
    print(found.status_code, found.text)
else:
    import urllib.request

    with urllib.request.urlopen(url) as answer:
        print(answer.status, answer.read().decode())
