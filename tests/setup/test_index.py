"""uv gets the index, mirror and certificate that pip is set up for."""

from bootstrap_index import parse, translate


def test_pips_listing_is_read_by_rank():
    listing = "global.index-url='https://global/'\ninstall.index-url='https://install/'\n:env:.cert='/c.crt'\nnoise\n"
    assert parse(listing) == {"index-url": "https://install/", "cert": "/c.crt"}


def test_the_environment_wins_wherever_it_stands():
    assert parse(":env:.index-url='https://env/'\nglobal.index-url='https://global/'\n") == {
        "index-url": "https://env/"
    }


def test_without_settings_uv_keeps_its_own():
    assert translate({}, {}) == {"UV_INDEX_STRATEGY": "unsafe-best-match", "UV_HTTP_TIMEOUT": "120"}


def test_settings_are_said_in_uvs_words(tmp_path):
    pip = {
        "index-url": "https://mirror/simple",
        "extra-index-url": "https://one https://two",
        "find-links": f"{tmp_path} /no/such/folder https://wheels/",
        "cert": "/c.crt",
        "default-timeout": "180",
        "proxy": "http://proxy:3128",
        "no-index": "true",
    }
    assert translate(pip, {}) == {
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
    said = translate(
        {"index-url": "https://pip/", "proxy": "http://pip"}, {"UV_INDEX_URL": "x", "https_proxy": "y"}
    )
    assert "UV_DEFAULT_INDEX" not in said
    assert "HTTPS_PROXY" not in said
