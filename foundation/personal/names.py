"""Names of fields as evidence: what a dotted path says that its values are."""

from __future__ import annotations

import re
from functools import lru_cache

from foundation.personal.kinds import (
    ADDRESS,
    BIRTH,
    CARD,
    COORDINATES,
    EMAIL,
    IBAN,
    MAC,
    NAME,
    NATIONAL,
    PHONE,
    POSTAL,
    TOKEN,
)


def _set(words: str) -> frozenset[str]:
    return frozenset(words.split())


_WORDS = re.compile(r"[^\W\d_]+|\d+")
_HUMP = re.compile(r"(?<=[a-zß-ÿ])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")

_PHRASES: dict[str, str] = {
    EMAIL: "email mail emailaddress mailaddress emailaddr correo courriel",
    PHONE: "phone telephone mobile cellphone cellnumber fax tel msisdn whatsapp mobilephone telefon telefono "
    "telefone telefonnummer rufnummer handynummer handy",
    TOKEN: "password passwd pwd passwort passphrase passwordhash secret apikey token accesskey secretkey privatekey "
    "credential",
    ADDRESS: "ip ipaddress ipaddr ipv remoteaddr remoteaddress",
    MAC: "mac macaddress macaddr bssid",
    CARD: "card creditcard debitcard cc ccnum cardnumber kreditkarte kartennummer",
    IBAN: "iban",
    NATIONAL: "ssn socialsecurity socialinsurance nationalid nationalidentifier passport driverlicense driverlicence "
    "driverslicense driverslicence drivinglicence taxid taxnumber nino nationalinsurance nhs bsn cpf nir insee "
    "pesel dni personnummer personalcode steuerid steuernummer aadhaar curp codicefiscale egn cnp identitynumber "
    "idcard ausweisnummer medicare burgerservice fodselsnummer cprnumber",
    NAME: "firstname lastname surname fullname givenname familyname middlename maidenname username nickname realname "
    "displayname forename cardholder vorname nachname familienname benutzername prenom nomdefamille apellido cognome",
    POSTAL: "address street streetaddress streetname homeaddress postaladdress addressline strasse straße adresse "
    "anschrift direccion indirizzo",
    BIRTH: "birth birthdate birthday birthyear birthplace dateofbirth yearofbirth placeofbirth dob born deceased "
    "geburtsdatum geburtstag geburtsjahr geboren datenaissance fechanacimiento",
    COORDINATES: "lat lon lng latitude longitude",
}
_KINDS = {phrase: kind for kind, phrases in _PHRASES.items() for phrase in phrases.split()}
NUMBERED = frozenset({PHONE, CARD, NATIONAL})
"""What whole numbers may be, where the name of their field tells."""
_MOST_WORDS = 3
_TAIL = _set("number no nr num value text string raw original normalized normalised hash line")
"""Words that leave the meaning of those before them as it is: phone_number."""
_HEAD = _set("has is num n count valid verified needs no with without any")
"""First words of a field that says something about a personal value: has_phone."""
_PEOPLE = _set(
    "user customer client patient employee contact passenger student teacher author owner holder "
    "cardholder recipient sender buyer guest member player person people doctor nurse driver rider "
    "reviewer applicant candidate insured beneficiary mother father parent child spouse partner winner "
    "manager billing shipping subscriber visitor learner resident tenant borrower staff profile kunde "
    "mitarbeiter"
)
_NOT_POSTAL = _set(
    "memory wallet contract web url base host server http network register bus start end target virtual "
    "physical token eth btc bitcoin node peer socket site"
)
_VERSIONS = frozenset(["version", "versions", "build", "release", "firmware", "revision", "ver"])


def words_of(name: str) -> list[str]:
    """Returns the words of a field's name in lower case.

    >>> words_of("homeAddress_line1")
    ['home', 'address', 'line', '1']
    """
    return [word.lower() for word in _WORDS.findall(_HUMP.sub(" ", name))]


@lru_cache(maxsize=8192)
def named(path: str) -> str | None:
    """Returns the kind of personal value that a field's name tells, or None.

    The last words decide, as they do in English: ``home_phone`` holds a number, ``phone_type`` does not.

    Args:
        path: Dotted path or name of a field.
    """
    *parents, last = path.split(".")
    words = words_of(last)
    if not words or words[0] in _HEAD or words[:2] == ["number", "of"]:
        return None
    while len(words) > 1 and (words[-1] in _TAIL or words[-1].isdigit()):
        if "".join(words[-_MOST_WORDS:]) in _KINDS:
            break
        words.pop()
    kind = _by_phrase(words)
    if kind == POSTAL and len(words) > 1 and words[-2] in _NOT_POSTAL:
        return None
    if kind is None and words[-1] == "name":
        return _bare_name(words[:-1], parents)
    if kind is None and words[-1].endswith("name") and words[-1][: -len("name")] in _PEOPLE:
        return NAME
    return kind


def _by_phrase(words: list[str]) -> str | None:
    for size in range(min(_MOST_WORDS, len(words)), 0, -1):
        phrase = "".join(words[-size:])
        singular = phrase.removesuffix("es") if phrase == "addresses" else phrase.removesuffix("s")
        kind = _KINDS.get(phrase) or _KINDS.get(singular)
        if kind:
            return kind
    return None


def _bare_name(before: list[str], parents: list[str]) -> str | None:
    """Returns whether ``name`` is a person's: by the word before it, else by the field that it belongs to."""
    if not before and not parents:
        return NAME
    owner = before or words_of(parents[-1])
    return NAME if owner and owner[-1].removesuffix("s") in _PEOPLE | {"people"} else None


@lru_cache(maxsize=8192)
def holds_versions(path: str) -> bool:
    """Returns whether a field's name says that it holds versions, which may look like IP addresses."""
    words = words_of(path.rsplit(".", 1)[-1])
    return bool(words) and (words[-1] in _VERSIONS or words[0] in _VERSIONS)
