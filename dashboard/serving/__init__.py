"""The web server and the processes of an open site: HTTPS, requests taken whole, what is kept alive."""
