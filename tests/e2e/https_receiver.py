"""A webhook's receiver over TLS: prints a line a request, once its signature was checked.

usage: https_receiver.py CERTIFICATE KEY SECRET
"""

import hashlib
import hmac
import http.server
import json
import ssl
import sys


class Receiver(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        signed = self.headers["X-DaemonEye-Timestamp"].encode() + b"." + body
        wanted = "v1=" + hmac.new(sys.argv[3].encode(), signed, hashlib.sha256).hexdigest()
        is_good = hmac.compare_digest(wanted, self.headers["X-DaemonEye-Signature"])
        alert = json.loads(body)
        print("received", "good" if is_good else "BAD", alert["trigger_id"], flush=True)
        self.send_response(200 if is_good else 401)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *arguments):
        pass


server = http.server.HTTPServer(("127.0.0.1", 0), Receiver)
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(sys.argv[1], sys.argv[2])
server.socket = context.wrap_socket(server.socket, server_side=True)
print("listening", server.server_port, flush=True)
server.serve_forever()
