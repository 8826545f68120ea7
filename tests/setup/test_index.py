"""uv gets the index, mirror and certificate that pip is set up for."""

from scripts.bootstrap.packages import uv_settings

DEFAULTS = {"UV_INDEX_STRATEGY": "unsafe-best-match", "UV_HTTP_TIMEOUT": "120"}


def listing(settings, section="global"):
    return "".join(f"{section}.{name}={value!r}\n" for name, value in settings.items())


def test_a_commands_section_wins_over_the_general_one():
    text = "install.index-url='https://install/'\nglobal.index-url='https://global/'\n:env:.cert='/c.crt'\nnoise\n"
    assert uv_settings(text, {}) == {
        **DEFAULTS,
        "UV_DEFAULT_INDEX": "https://install/",
        "SSL_CERT_FILE": "/c.crt",
    }


def test_the_environment_wins_wherever_it_is_listed():
    text = ":env:.index-url='https://env/'\ninstall.index-url='https://install/'\n"
    assert uv_settings(text, {})["UV_DEFAULT_INDEX"] == "https://env/"


def test_without_settings_uv_keeps_its_own():
    assert uv_settings("", {}) == DEFAULTS


def test_settings_are_translated_for_uv(tmp_path):
    pip = {
        "index-url": "https://mirror/simple",
        "extra-index-url": "https://one https://two",
        "find-links": f"{tmp_path} /no/such/folder https://wheels/",
        "cert": "/c.crt",
        "default-timeout": "180",
        "proxy": "http://proxy:3128",
        "no-index": "true",
    }
    assert uv_settings(listing(pip), {}) == {
        "UV_INDEX_STRATEGY": "unsafe-best-match",
        "UV_DEFAULT_INDEX": "https://mirror/simple",
        "UV_INDEX": "https://one https://two",
        "UV_FIND_LINKS": f"{tmp_path},https://wheels/",
        "UV_HTTP_TIMEOUT": "180",
        "UV_NO_INDEX": "1",
        "SSL_CERT_FILE": "/c.crt",
        "HTTP_PROXY": "http://proxy:3128",
        "HTTPS_PROXY": "http://proxy:3128",
    }


def test_what_the_caller_set_wins():
    text = listing({"index-url": "https://pip/", "proxy": "http://pip"})
    said = uv_settings(text, {"UV_INDEX_URL": "x", "https_proxy": "y"})
    assert said == {**DEFAULTS, "HTTP_PROXY": "http://pip"}
