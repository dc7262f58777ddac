"""Activates this machine once, and then holds for as long as its certificate does, without a network.

What has to be kept stands in one small file: license key, certificate, status lists and the largest signed time seen.
The calls: docs/api.md, "Activate", "Renew" and "Release".

    here = Installation("https://license.acme.example", keys, issuer, product, "live", Path("license.json"))
    here.activate(pasted_key, read_machine())                # once, with the network
    claims = here.check(read_machine(), int(time.time()))    # at every start, without
    here.maintain(read_machine(), int(time.time()))          # now and then, when there is a network
"""

import base64
import hashlib
import hmac
import json
import os
import secrets
import urllib.error
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from lictor_license import (
    Expected,
    Refused,
    Seen,
    check_recipient,
    check_status,
    judge,
    status_list_for,
    verify,
)

TIMEOUT_SECS = 10
SOURCES = {  # of Linux; without the rights to read one, it is left out
    "os": "/etc/machine-id",
    "fw": "/sys/class/dmi/id/product_uuid",
    "brd": "/sys/class/dmi/id/board_serial",
}
PLACEHOLDERS = {"tobefilledbyoem", "defaultstring", "default", "notspecified", "none", "unknown", "0123456789", "na"}


class ServerRefused(Exception):
    """The server said no: `code` and `next_action` of its problem document."""

    def __init__(self, problem):
        super().__init__(problem.get("reason", problem["code"]))
        self.code, self.next_action = problem["code"], problem.get("next_action")


def read_machine():
    """Component -> raw value, of what this machine lets be read."""
    found = {}
    for component, path in SOURCES.items():
        try:
            found[component] = Path(path).read_text(errors="replace")
        except OSError:
            continue
    return found


def committed(issuer, product, values):
    """Component -> commitment: no raw serial leaves the machine. Placeholders count as absent."""
    salt = hashlib.sha256(b"lictor-machine-v1\0" + issuer.encode() + b"\0" + product.encode()).digest()
    commitments = {}
    for component, value in values.items():
        text = value.strip(" \t\n\f\r\0").encode().lower()
        bare = "".join(each for each in value if each.isalnum()).lower()
        if len(set(bare)) > 1 and bare not in PLACEHOLDERS:
            mac = hmac.new(salt, component.encode() + b"\0" + text, hashlib.sha256).digest()[:16]
            commitments[component] = base64.urlsafe_b64encode(mac).rstrip(b"=").decode()
    return commitments


@dataclass
class Installation:
    server: str
    keys: dict
    issuer: str
    product: str
    env: str
    path: Path

    def __post_init__(self):
        self.state = json.loads(self.path.read_text()) if self.path.exists() else {"floor": 0, "lists": {}}

    # --- without the network

    def check(self, values, now):
        """The certificate's claims if it holds on this machine now; Refused otherwise."""
        machine = committed(self.issuer, self.product, values)
        claims = self._judge("license-activation+jwt", self.state.get("certificate"), now, machine)
        # The license key may have ended while the certificate that was renewed after it holds: its standing counts.
        key = verify(self.keys, self.state["license_key"], "license+jwt")
        check_recipient(key, self._expected("license+jwt", now))
        text, seen = self._list_of(key)
        listed = status_list_for(self.keys, key, text)
        check_status(key, listed, text, seen, max(now, self.state["floor"]))
        return claims

    def _expected(self, typ, now, machine=None):
        return Expected(typ, self.issuer, self.product, self.env, now, self.state["floor"], machine)

    def _judge(self, typ, token, now, machine=None):
        if token is None:
            raise Refused("activation_required", "this machine was never activated")
        text, seen = self._list_of(verify(self.keys, token, typ))
        return judge(self.keys, token, self._expected(typ, now, machine), text, seen)

    def _list_of(self, claims):
        """Text and remembered numbers of the list that a token names."""
        kept = self.state["lists"].get(claims["status"]["status_list"]["uri"]) if "status" in claims else None
        return (kept["text"], Seen(kept["seq"], kept["iat"], kept["text"])) if kept else (None, None)

    # --- with it

    def activate(self, license_key, values):
        """Takes a place for this machine; again, it keeps the one that it has."""
        self._take("/v1/activations", {"license_key": license_key, "machine": self._machine(values)})

    def renew(self, values):
        """A new certificate, and the current license key: what was paid since then arrives without a new paste."""
        path = f"/v1/activations/{self.state['activation_id']}/renew"
        self._take(path, {"certificate": self.state["certificate"], "machine": self._machine(values)})

    def release(self):
        """Gives the place back."""
        path = f"/v1/activations/{self.state['activation_id']}/release"
        self._call(path, {"certificate": self.state["certificate"]})
        self.path.unlink(missing_ok=True)
        self.state = {"floor": self.state["floor"], "lists": {}}

    def maintain(self, values, now):
        """Renews when it is time, and fetches the lists. A server that is away raises OSError: try again later."""
        if now >= verify(self.keys, self.state["certificate"], "license-activation+jwt")["lic"]["renew"]:
            self.renew(values)
        for typ, name in (("license+jwt", "license_key"), ("license-activation+jwt", "certificate")):
            claims = verify(self.keys, self.state[name], typ)
            if "status" in claims:
                self._fetch_list(claims)
        self._save()

    def _machine(self, values):
        return {"components": committed(self.issuer, self.product, values)}

    def _take(self, path, request):
        # One request, one nonce: whoever sends it again because the answer was lost gets the same certificate.
        request["nonce"] = self.state.setdefault("nonce", secrets.token_urlsafe(16))
        self._save()
        answer = self._call(path, request)
        for typ, name in (("license+jwt", "license_key"), ("license-activation+jwt", "certificate")):
            claims = verify(self.keys, answer[name], typ)
            check_recipient(claims, self._expected(typ, 0))
            self._raise_floor(claims)
            self.state[name] = answer[name]
        self.state["activation_id"] = answer["activation_id"]
        del self.state["nonce"]
        self._save()

    def _fetch_list(self, claims):
        uri = claims["status"]["status_list"]["uri"]
        kept = self.state["lists"].get(uri)
        request = urllib.request.Request(self.server + urlsplit(uri).path)
        if kept and kept["etag"]:
            request.add_header("If-None-Match", kept["etag"])
        try:
            with urllib.request.urlopen(request, timeout=TIMEOUT_SECS) as answer:
                text, etag = answer.read(65_537).decode(), answer.headers["ETag"]
        except urllib.error.HTTPError as error:
            if error.code == 304:
                return
            raise
        # One that does not verify, or is older than the one that is kept, never replaces it.
        listed = status_list_for(self.keys, claims, text)
        if listed and (not kept or (listed["lic"]["seq"] > kept["seq"] and listed["iat"] >= kept["iat"])):
            self._raise_floor(listed)
            self.state["lists"][uri] = {"text": text, "etag": etag, "seq": listed["lic"]["seq"], "iat": listed["iat"]}

    def _raise_floor(self, claims):
        self.state["floor"] = max(self.state["floor"], claims["iat"])

    def _call(self, path, body):
        headers = {"Content-Type": "application/json"}
        request = urllib.request.Request(self.server + path, json.dumps(body).encode(), headers)
        try:
            with urllib.request.urlopen(request, timeout=TIMEOUT_SECS) as answer:
                return json.load(answer)
        except urllib.error.HTTPError as error:
            problem = error.read()
            if error.headers.get_content_type() != "application/problem+json":
                raise
            raise ServerRefused(json.loads(problem)) from error

    def _save(self):
        beside = self.path.with_suffix(".new")
        beside.write_text(json.dumps(self.state))
        os.replace(beside, self.path)
